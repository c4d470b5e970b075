//! `/score` of bodies that would be files: each comes out as the worker writes its file.

use super::Server;
use super::attacks::gzip;
use super::capture::{capturing, events};
use crate::spool::Spool;
use polars_arrow::array::{Array, DictionaryArray, Float64Array, PrimitiveArray, Utf8Array};
use polars_arrow::datatypes::{ArrowSchema, Field};
use polars_arrow::io::ipc::read::{StreamReader, StreamState, read_stream_metadata};
use polars_arrow::io::ipc::write::{FileWriter, StreamWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use std::io::{Cursor, Read};
use std::sync::Arc;

/// `2 x + 1`; `id` and `y` are no features.
const ROWS: [(&str, &str); 3] = [("a", "1"), ("b;c", "0.25"), ("d", "-3")];

fn text(delimiter: char) -> String {
    let rows = ROWS.map(|(id, x)| format!("{id}{delimiter}{x}\n"));
    format!("id{delimiter}x\n{}", rows.concat())
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A body as the worker's input, and its output.
fn of_worker(spool: &Spool, name: &str, body: &[u8]) -> Vec<u8> {
    spool.drop_file(name, body);
    spool.once().exits(0);
    let outputs = spool.names("output");
    let output = outputs
        .iter()
        .find(|output| output.starts_with(&format!("{name}.out")))
        .unwrap();
    std::fs::read(spool.path("output").join(output)).unwrap()
}

fn ask(server: &Server, query: &str, headers: &[(&str, &str)], body: &[u8]) -> super::Answered {
    server.connect().ask("POST", &format!("/score{query}"), headers, body)
}

#[test]
fn texts_and_compressed_files_come_out_as_the_worker_writes_them() {
    let spool = Spool::served()
        .set("input.include=[\"*\"]")
        .set("input.delimiter=;")
        .set("output.columns=all");
    let server = spool.serve();
    let csv = text(';').replace("b;c", "b\tc");
    for (name, media_type, answered, body) in [
        (
            "a.csv",
            "application/csv",
            "text/csv; charset=utf-8",
            csv.clone().into_bytes(),
        ),
        (
            "a.tsv",
            "text/tab-separated-values",
            "text/tab-separated-values; charset=utf-8",
            text('\t').into_bytes(),
        ),
        ("a.csv.gz", "application/gzip", "application/gzip", gzip(csv.as_bytes())),
        (
            "b.csv.gz",
            "application/x-gzip",
            "application/gzip",
            gzip(csv.as_bytes()),
        ),
        (
            "a.csv.zst",
            "application/zstd",
            "application/zstd",
            zstd::encode_all(csv.as_bytes(), 3).unwrap(),
        ),
    ] {
        let answer = ask(&server, "?columns=all", &[("Content-Type", media_type)], &body).is(200);
        assert_eq!(answer.header("content-type"), Some(answered));
        assert_eq!(answer.body, of_worker(&spool, name, &body), "{media_type}");
    }
}

#[test]
fn another_format_is_answered_to_who_accepts_it() {
    let server = Spool::served().serve();
    let body = gzip(text(',').as_bytes());
    let ask = |accept| {
        let headers = [("Content-Type", "application/gzip"), ("Accept", accept)];
        ask(&server, "?columns=all", &headers, &body).is(200)
    };
    assert_eq!(
        ask("application/jsonlines").text().lines().next().unwrap(),
        r#"{"id":"a","x":"1","prediction":3.0}"#
    );
    let csv = ask("application/json, text/csv;q=0.5");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text().lines().next(), Some("id,x,prediction"));
    // What can't be written of such a body is passed over.
    assert_eq!(unpacked(&ask("text/tab-separated-values, */*").body), csv.text());
}

#[test]
fn bad_rows_of_any_text_are_refused_or_come_as_a_second_part() {
    let spool = Spool::served();
    let body = "id\tx\na\t1\nb\toops\n";
    let headers = [
        ("Content-Type", "text/tab-separated-values"),
        ("Accept", "multipart/mixed"),
    ];
    let server = spool.serve();
    let problem = ask(&server, "", &headers, body.as_bytes()).is(400).json();
    assert_eq!(problem["code"], "bad_rows");
    assert_eq!(problem["rows"][0]["line"], 3);
    assert_eq!(server.stop(), 0);
    let server = spool.set("serve.bad_rows=null").serve();
    let parts = ask(&server, "", &headers, body.as_bytes()).is(200);
    let text = parts.text();
    assert!(
        text.contains("Content-Type: text/tab-separated-values; charset=utf-8\r\n"),
        "{text}"
    );
    assert!(
        text.contains("line,column,reason,text\n3,x,not a number,b\toops\n"),
        "{text}"
    );
    let packed = [("Content-Type", "application/gzip")];
    let alone = ask(&server, "", &packed, &gzip(b"x\n1\noops\n")).is(200);
    assert_eq!(alone.header("transform-bad-rows"), Some("1"));
    assert_eq!(unpacked(&alone.body), "prediction\n3.0\n\"\"\n");
}

#[test]
fn a_compressed_file_is_bounded_and_checked_as_any_compressed_body() {
    let spool = Spool::served().set("serve.max_body=1MiB");
    let server = spool.serve();
    let bomb = "x\n1\n".repeat(16 << 20);
    let whole = gzip(text(',').as_bytes());
    for (media_type, body, status) in [
        ("application/gzip", gzip(bomb.as_bytes()), 413),
        ("application/zstd", zstd::encode_all(bomb.as_bytes(), 1).unwrap(), 413),
        ("application/gzip", whole[..whole.len() - 3].to_vec(), 400),
        ("application/gzip", text(',').into_bytes(), 400),
        ("application/zstd", whole.clone(), 400),
        ("application/x-bzip2", whole, 415),
    ] {
        let refused = ask(&server, "", &[("Content-Type", media_type)], &body).is(status);
        assert!(refused.json()["detail"].is_string(), "{media_type}");
    }
    // Of a way and a file that are both compressed, both are undone.
    let twice = [("Content-Type", "application/gzip"), ("Content-Encoding", "gzip")];
    ask(&server, "", &twice, &gzip(&gzip(b"x\n1\n"))).is(200);
    server.still_answers();
}

#[test]
fn a_compressed_file_is_captured_as_its_text_and_its_answer_in_base64() {
    let spool = capturing();
    let server = spool.serve();
    ask(&server, "", &[("Content-Type", "application/gzip")], &gzip(b"x\n1\n")).is(200);
    assert_eq!(server.stop(), 0);
    let events = events(&spool.path("captured"));
    let of = |end: &str, key: &str| events[0]["captureData"][end][key].clone();
    assert_eq!(
        (of("endpointInput", "data"), of("endpointInput", "encoding")),
        ("x\n1\n".into(), "CSV".into())
    );
    assert_eq!(of("endpointOutput", "encoding"), "BASE64");
    assert_eq!(of("endpointOutput", "observedContentType"), "application/gzip");
}

const STREAM: &str = "application/vnd.apache.arrow.stream";
const FILE: &str = "application/vnd.apache.arrow.file";
const PARQUET: &str = "application/vnd.apache.parquet";

type Batch = Vec<Box<dyn Array>>;

/// `id` and `x`.
fn batch(rows: &[(&str, Option<f64>)]) -> Batch {
    let ids = rows.iter().map(|(id, _)| Some(*id)).collect::<Utf8Array<i64>>();
    let xs = rows.iter().map(|(_, x)| *x).collect::<Float64Array>();
    vec![ids.boxed(), xs.boxed()]
}

fn schema(names: &[&str], batch: &Batch) -> Arc<ArrowSchema> {
    let fields = names.iter().zip(batch);
    let fields = fields.map(|(name, array)| Field::new((*name).into(), array.dtype().clone(), true));
    Arc::new(fields.map(|field| (field.name.clone(), field)).collect())
}

const OPTIONS: WriteOptions = WriteOptions { compression: None };

fn stream(names: &[&str], batches: &[Batch]) -> Vec<u8> {
    let schema = schema(names, &batches[0]);
    let mut writer = StreamWriter::new(Vec::new(), OPTIONS);
    writer.start(&schema, None).unwrap();
    for batch in batches {
        let batch = RecordBatchT::try_new(batch[0].len(), schema.clone(), batch.clone()).unwrap();
        writer.write(&batch, None).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

fn file(names: &[&str], batch: &Batch) -> Vec<u8> {
    let schema = schema(names, batch);
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, schema.clone(), None, OPTIONS).unwrap();
    let batch = RecordBatchT::try_new(batch[0].len(), schema, batch.clone()).unwrap();
    writer.write(&batch, None).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

/// The names and batches of an answer.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Batch>) {
    let mut from = Cursor::new(bytes);
    let metadata = read_stream_metadata(&mut from).unwrap();
    let names = metadata.schema.iter_names().map(|name| name.to_string()).collect();
    let batches = StreamReader::new(from, metadata, None).map_while(|state| match state.unwrap() {
        StreamState::Some(batch) => Some(batch.into_arrays()),
        StreamState::Waiting => None,
    });
    (names, batches.collect())
}

fn numbers(array: &dyn Array) -> Vec<Option<f64>> {
    let array = array.as_any().downcast_ref::<Float64Array>().unwrap();
    array.iter().map(|x| x.copied()).collect()
}

#[test]
fn an_arrow_stream_comes_out_as_one_with_its_batches() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let body = stream(
        &["id", "x"],
        &[batch(&[("a", Some(1.0)), ("b", None)]), batch(&[("c", Some(-3.0))])],
    );
    let answer = ask(&server, "?columns=all", &[("Content-Type", STREAM)], &body).is(200);
    assert_eq!(answer.header("content-type"), Some(STREAM));
    assert_eq!(answer.header("transform-bad-rows"), Some("1"));
    let (names, batches) = read(&answer.body);
    assert_eq!(names, ["id", "x", "prediction"]);
    let predictions: Vec<_> = batches.iter().map(|batch| numbers(&*batch[2])).collect();
    assert_eq!(predictions, [vec![Some(3.0), None], vec![Some(-5.0)]]);
    let (names, _) = read(&ask(&server, "", &[("Content-Type", STREAM)], &body).is(200).body);
    assert_eq!(names, ["prediction"]);
    // A stream without batches, as of an empty frame.
    let none = ask(
        &server,
        "",
        &[("Content-Type", STREAM)],
        &stream(&["id", "x"], &[batch(&[])]),
    )
    .is(200);
    assert_eq!(read(&none.body).0, ["prediction"]);
    let lines = [("Content-Type", STREAM), ("Accept", "application/jsonlines")];
    assert_eq!(
        ask(&server, "", &lines, &body).is(200).text(),
        "{\"prediction\":3.0}\n{\"prediction\":null}\n{\"prediction\":-5.0}\n"
    );
}

#[test]
fn bad_rows_of_a_table_are_refused_by_their_number() {
    let spool = Spool::served();
    let server = spool.serve();
    let body = stream(&["id", "x"], &[batch(&[("a", Some(1.0))]), batch(&[("b", None)])]);
    let problem = ask(&server, "", &[("Content-Type", STREAM)], &body).is(400).json();
    assert_eq!(problem["code"], "bad_rows");
    assert_eq!(problem["rows"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&problem["rows"][0]["row"], &problem["rows"][0]["column"]),
        (&2.into(), &"x".into())
    );
    let problem = ask(
        &server,
        "",
        &[("Content-Type", STREAM)],
        &stream(&["id", "y"], &[batch(&[("a", None)])]),
    );
    assert_eq!(problem.is(400).json()["code"], "no_such_column");
}

#[test]
fn tables_come_out_as_the_worker_writes_them() {
    let spool = Spool::served().set("input.include=[\"*\"]").set("output.columns=all");
    let server = spool.serve();
    let arrow = file(&["id", "x"], &batch(&[("a", Some(1.0)), ("b", Some(0.25))]));
    // Kept columns of a CSV are texts, and numbers in texts are read.
    let headers = [("Content-Type", "text/csv"), ("Accept", PARQUET)];
    let made = ask(&server, "?columns=all", &headers, b"id,x\na,1\nb,0.25\n").is(200);
    assert_eq!(made.header("content-type"), Some(PARQUET));
    let answer = ask(&server, "?columns=all", &[("Content-Type", FILE)], &arrow).is(200);
    assert_eq!(answer.header("content-type"), Some(FILE));
    assert_eq!(answer.body, of_worker(&spool, "a.arrow", &arrow));
    let spool = spool.set("output.columns=prediction");
    let answer = ask(&server, "", &[("Content-Type", PARQUET)], &made.body).is(200);
    assert_eq!(answer.header("content-type"), Some(PARQUET));
    assert_eq!(answer.body, of_worker(&spool, "a.parquet", &made.body));
    let csv = [("Content-Type", PARQUET), ("Accept", "text/csv")];
    assert_eq!(
        ask(&server, "", &csv, &made.body).is(200).text(),
        "prediction\n3.0\n1.5\n"
    );
}

#[test]
fn tables_that_are_damaged_or_meant_to_hurt_are_refused() {
    let spool = Spool::served().set("serve.max_body=1MiB");
    let server = spool.serve();
    let rows: Vec<(&str, Option<f64>)> = (0..1000).map(|i| ("a", Some(f64::from(i)))).collect();
    let whole = stream(&["id", "x"], &[batch(&rows)]);
    let arrow = file(&["id", "x"], &batch(&rows));
    let headers = [("Content-Type", "text/csv"), ("Accept", PARQUET)];
    let parquet = ask(&server, "", &headers, b"x\n1\n").is(200).body;
    // A long text that half a million rows share.
    let keys: PrimitiveArray<u8> = (0..500_000).map(|_| Some(0u8)).collect();
    let long = Utf8Array::<i64>::from_slice(["long ".repeat(20_000)]);
    let shared = DictionaryArray::try_from_keys(keys, long.boxed(), false).unwrap();
    let bomb = stream(&["x"], &[vec![shared.boxed()]]);
    assert!(bomb.len() < 1 << 20);
    for (media_type, body, status) in [
        (STREAM, whole[..whole.len() / 2].to_vec(), 400),
        (STREAM, arrow.clone(), 400),
        (FILE, whole.clone(), 400),
        (FILE, arrow[..arrow.len() - 4].to_vec(), 400),
        (PARQUET, parquet[..parquet.len() / 2].to_vec(), 400),
        (PARQUET, [&parquet[..parquet.len() - 4], b"PARE"].concat(), 400),
        (PARQUET, b"x\n1\n".to_vec(), 400),
        (STREAM, Vec::new(), 400),
        (STREAM, bomb, 413),
    ] {
        let refused = ask(&server, "", &[("Content-Type", media_type)], &body).is(status);
        assert!(refused.json()["detail"].is_string(), "{media_type}");
    }
    server.still_answers();
}

#[test]
fn a_table_is_captured_in_base64() {
    let spool = capturing();
    let server = spool.serve();
    let body = stream(&["id", "x"], &[batch(&[("a", Some(1.0))])]);
    ask(&server, "", &[("Content-Type", STREAM)], &body).is(200);
    assert_eq!(server.stop(), 0);
    let events = events(&spool.path("captured"));
    for end in ["endpointInput", "endpointOutput"] {
        let captured = &events[0]["captureData"][end];
        assert_eq!(
            (&captured["encoding"], &captured["observedContentType"]),
            (&"BASE64".into(), &STREAM.into())
        );
    }
}
