//! What one thread scores in a second with trees: values in memory -> predictions in memory. `tests/benches/trees.py` runs this
//! beside the libraries the models come from, and compares the predictions that are left in DIR.
//!
//! TREES=DIR cargo bench --bench trees      # DIR: the folder trees/ of ../shared/bench/make_data.py, or large/ of trees.py

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
    let columns = columns(&fs::read_to_string(format!("{folder}/rows.csv")).expect("rows.csv"));
    let rows = columns[0].len();
    let mut group = criterion.benchmark_group("one thread");
    group.throughput(Throughput::Elements(rows as u64));
    group.sample_size(10);
    for (name, file, format) in [
        ("xgboost", "xgb.json", Format::Xgboost),
        ("lightgbm", "lgb.txt", Format::Lightgbm),
    ] {
        let artifact = fs::read(format!("{folder}/{file}")).expect("a model");
        let model = Model::parse(format, &artifact).expect("a model");
        let mut out = vec![0.0; rows];
        group.bench_function(name, |b| {
            b.iter(|| {
                for (i, out) in out.chunks_mut(BATCH).enumerate() {
                    let start = i * BATCH;
                    let batch: Vec<&[f64]> = columns.iter().map(|c| &c[start..start + out.len()]).collect();
                    model.predict(black_box(&batch), &[], out).expect("scores");
                }
                black_box(&mut out);
            });
            let bytes: Vec<u8> = out.iter().flat_map(|y| y.to_le_bytes()).collect();
            #[expect(clippy::disallowed_methods, reason = "no result of the worker's")]
            fs::write(format!("{folder}/{name}.predictions"), bytes).expect("predictions");
        });
    }
}

/// `[column][row]` of numbers; an empty cell is a missing value.
fn columns(text: &str) -> Vec<Vec<f64>> {
    let mut lines = text.lines();
    let mut columns = vec![Vec::new(); lines.next().map_or(0, |header| header.split(',').count())];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(match cell {
                "" => f64::NAN,
                cell => cell.parse().expect("a number"),
            });
        }
    }
    columns
}

criterion_group!(benches, trees);
criterion_main!(benches);
