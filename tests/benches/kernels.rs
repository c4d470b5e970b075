//! What one thread does in a second: an input in memory -> its output in memory, on files of several shapes.
//!
//! cargo bench --bench kernels

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;
use transform::format::Compression;
use transform::format::compression::{Limits, Reader, Writer};
use transform::model::{Format, Model};
use transform::score::{Lineup, Spelling};
use transform::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Run, Scorer, Shape, Share, transform};

const ROWS: usize = 20_000;

/// SplitMix64: the same file on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between -1 and 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// `rows` records of a number of two digits and twelve texts, 0.8 kB each.
fn texts(rows: usize, text: &str) -> String {
    let mut random = Random(7);
    let mut all = String::from("x0,a,b,c,d,e,f,g,h,i,j,k,l\n");
    for _ in 0..rows {
        write!(all, "{}", random.next() % 90 + 10).expect("a string grows");
        for _ in 0..12 {
            all.push(',');
            match text.strip_suffix('"') {
                Some(open) => write!(all, "{open}{:024x}\"", random.next()),
                None => write!(all, "{text}{:024x}", random.next()),
            }
            .expect("a string grows");
        }
        all.push('\n');
    }
    all
}

/// `ROWS` records of an id and ten features.
fn rows(mut cell: impl FnMut(&mut Random, &mut String)) -> String {
    let mut random = Random(7);
    let mut text = String::from("id,x0,x1,x2,x3,x4,x5,x6,x7,x8,x9\n");
    for id in 0..ROWS {
        write!(text, "{id}").expect("a string grows");
        for _ in 0..10 {
            text.push(',');
            cell(&mut random, &mut text);
        }
        text.push('\n');
    }
    text
}

fn model(features: &[&str]) -> Arc<Lineup> {
    let coefficients: Vec<f64> = (1..=features.len()).map(|i| i as f64 / 7.0).collect();
    let artifact = serde_json::json!({"features": features, "coefficients": coefficients, "intercept": 3.25});
    Lineup::alone(Arc::new(
        Model::parse(Format::Linear, artifact.to_string().as_bytes()).expect("a model"),
    ))
}

fn score(input: &str, lineup: &Arc<Lineup>, columns: &Columns, rows: usize, out: &mut Vec<u8>) {
    let shape = Shape {
        encoding: Encoding::UTF_8,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::ALL),
        columns: columns.clone(),
        probabilities: false,
        ..Shape::FROZEN
    };
    out.clear();
    let summary = transform(
        input.as_bytes(),
        &Scorer::new(lineup.clone(), shape),
        out,
        &mut Vec::new(),
        &Run::default(),
    );
    assert_eq!(summary.expect("it can be scored").rows, rows as u64);
}

fn kernels(criterion: &mut Criterion) {
    let ten = model(&["x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9"]);
    let two = model(&["x0", "x9"]);
    let write = |text: &mut String, cell: std::fmt::Arguments| text.write_fmt(cell).expect("a string grows");
    let decimals = rows(|r, text| write(text, format_args!("{:.6}", r.unit() * 20.0)));
    let doubles = rows(|r, text| write(text, format_args!("{}", r.unit())));
    let integers = rows(|r, text| write(text, format_args!("{}", r.next() % 1000)));
    let quoted = rows(|r, text| write(text, format_args!("\"{:.6}\"", r.unit() * 20.0)));
    let all = Columns::All;
    let prediction = Columns::Prediction;
    let cases = [
        ("decimals", &decimals, &ten, &prediction),
        ("decimals, all columns kept", &decimals, &ten, &all),
        ("decimals, two of ten needed", &decimals, &two, &prediction),
        ("doubles in full", &doubles, &ten, &prediction),
        ("integers", &integers, &ten, &prediction),
        ("quoted decimals", &quoted, &ten, &prediction),
    ];
    let mut group = criterion.benchmark_group("one thread");
    let mut out = Vec::with_capacity(1 << 23);
    for (name, input, model, columns) in cases {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| score(black_box(input), model, columns, ROWS, &mut out))
        });
    }
    group.finish();
}

/// What nobody needs, and what memory allows: a file larger than the caches, of which a short number is needed.
fn skipping(criterion: &mut Criterion) {
    const RECORDS: usize = 160_000;
    let one = model(&["x0"]);
    let mut group = criterion.benchmark_group("only skipping text");
    group.sample_size(20);
    let mut out = Vec::with_capacity(1 << 23);
    for (name, text) in [
        ("bare", "nothing that anybody needs to look at "),
        ("quoted", "\"nothing, they say, that \"\"anybody\"\" needs \""),
    ] {
        let input = texts(RECORDS, text);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| score(black_box(&input), &one, &Columns::Prediction, RECORDS, &mut out));
        });
    }
    for (name, size) in [("copy of 128 MiB", 128 << 20), ("copy of 256 KiB", 256 << 10)] {
        let from = vec![1u8; size];
        let mut to = vec![0u8; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(name, |b| {
            b.iter(|| black_box(&mut to).copy_from_slice(black_box(&from)))
        });
    }
    group.finish();
}

/// What a file costs that is compressed: a text of decimals, by its own bytes.
fn compression(criterion: &mut Criterion) {
    let text = rows(|r, text| write!(text, "{:.6}", r.unit() * 20.0).expect("a string grows"));
    let limits = Limits {
        max_expansion: 1000,
        max_window: 128 << 20,
    };
    let mut group = criterion.benchmark_group("compression");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut out = Vec::new();
        let mut pack = || {
            out.clear();
            let mut writer = Writer::new(compression).expect("it compresses");
            writer.write(black_box(text.as_bytes()), &mut out);
            writer.finish(&mut out);
            out.clone()
        };
        let (file, mut block) = (pack(), vec![0; 256 << 10]);
        group.bench_function(format!("{} written", compression.name()), |b| b.iter(&mut pack));
        group.bench_function(format!("{} read", compression.name()), |b| {
            b.iter(|| {
                let mut reader = Reader::new(black_box(&file[..]), compression, limits);
                while reader.read(&mut block).expect("it is whole") > 0 {}
            })
        });
    }
    group.finish();
}

criterion_group!(benches, kernels, skipping, compression);
criterion_main!(benches);
