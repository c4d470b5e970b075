//! What one thread scores in a second with trees: values in memory -> predictions in memory. `tests/benches/trees.py` runs this
//! beside the libraries the models come from.
//!
//! TREES=DIR cargo bench --bench trees      # DIR: the folder trees/ of ../shared/bench/make_data.py

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs;
use std::hint::black_box;
use transform::model::{Format, Model};

/// As many rows as the worker scores at a time.
const BATCH: usize = 1024;

fn trees(criterion: &mut Criterion) {
    let Ok(folder) = std::env::var("TREES") else {
        println!("TREES is not set: nothing to measure");
        return;
    };
    let text = fs::read_to_string(format!("{folder}/rows.csv")).expect("rows.csv");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().expect("a number")).collect())
        .collect();
    let columns: Vec<Vec<f64>> = (0..10).map(|i| rows.iter().map(|row| row[i]).collect()).collect();
    let mut group = criterion.benchmark_group("one thread, 200 trees");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.sample_size(20);
    for (name, file, format) in [
        ("xgboost", "xgb.json", Format::Xgboost),
        ("lightgbm", "lgb.txt", Format::Lightgbm),
    ] {
        let artifact = fs::read(format!("{folder}/{file}")).expect("a model");
        let model = Model::parse(format, &artifact).expect("a model");
        let mut out = vec![0.0; BATCH];
        group.bench_function(name, |b| {
            b.iter(|| {
                for start in (0..rows.len()).step_by(BATCH) {
                    let end = rows.len().min(start + BATCH);
                    let batch: Vec<&[f64]> = columns.iter().map(|c| &c[start..end]).collect();
                    model
                        .predict(black_box(&batch), &[], &mut out[..end - start])
                        .expect("scores");
                    black_box(&mut out);
                }
            });
        });
    }
}

criterion_group!(benches, trees);
criterion_main!(benches);
