use super::*;
use crate::format::BLOCK;
use crate::format::{Beginning, Block, Out};
use crate::model::{Format, Model};
use crate::score::{Lineup, Spelling};
use proptest::prelude::*;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;
use watched::counter;

mod lines;
mod ranges;
mod trials;
mod watched;
mod wire;

fn lineup() -> Arc<Lineup> {
    let json = br#"{"features":["x","y"],"coefficients":[2,1],"intercept":0.5}"#;
    Lineup::alone(Arc::new(Model::parse(Format::Linear, json).unwrap()))
}

fn shape(columns: Columns, max_bad_rows: Limit) -> Shape {
    Shape {
        encoding: Encoding::UTF_8,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows,
        columns,
        probabilities: false,
        ..Shape::FROZEN
    }
}

/// What comes of an input that is cut into parts where `cut` says so, or why there is none; with its output and rejects.
/// `sent`: the parts are those of a part file.
fn joined(
    text: &[u8],
    scorer: &Scorer,
    run: &Run,
    ends: &[usize],
    sent: bool,
) -> (Result<Summary, String>, Vec<u8>, Vec<u8>) {
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let opened = match open(Beginning::Text(text), run.format, scorer) {
        Ok(opened) => opened,
        Err(problem) => return (Err(format!("{problem:?}")), out, rejects),
    };
    let mut start = opened.input.end();
    let mut parts = Vec::new();
    for &end in ends
        .iter()
        .filter(|&&end| end > opened.input.end())
        .chain([&text.len()])
    {
        parts.push(opened.part(Block::Text(text[start..end].to_vec()), Out::new(&opened.input)));
        start = end;
    }
    if sent {
        parts = wire::sent(parts, &opened);
    }
    let mut join = Join::new(&opened, &scorer.shape, &mut out, &mut rejects, run).unwrap();
    let shown = |failure: Failure| match failure {
        Failure::Problem(problem) => format!("{problem:?}"),
        failure => format!("{failure:?}"),
    };
    let added = parts.into_iter().try_for_each(|part| join.add(part).map(drop));
    let summary = match added {
        Ok(()) => join.finish(text.len() as u64, blake3::hash(text)).map_err(shown),
        Err(failure) => Err(shown(failure)),
    };
    // What a failed file has of its output is nobody's.
    if summary.is_err() {
        out.clear();
    }
    (summary, out, rejects)
}

/// Where the records end that are whole in front of it.
fn record_ends(text: &[u8]) -> Vec<usize> {
    let mut quoted = false;
    let mut ends = Vec::new();
    for (i, &b) in text.iter().enumerate() {
        quoted ^= b == b'"';
        if b == b'\n' && !quoted {
            ends.push(i + 1);
        }
    }
    ends
}

proptest! {
    /// Wherever an input is cut into parts, and wherever they are scored.
    #[test]
    fn any_parts_give_the_same_bytes_rejects_counts_lines_and_limits(
        rows in prop::collection::vec(
            prop::sample::select(vec![
                "a,1,2", "b,,3", "c,oops,1", "\"d\nd\",4,5", "e,1", "f,1,2,3", "\"g\"g,1,2", "", "h,inf,-inf", "\"\n\n\",x,1", "i,1,\0",
            ]),
            1..40,
        ),
        chosen in prop::collection::vec(any::<bool>(), 60),
        limit in 0usize..5,
        columns in 0usize..3,
    ) {
        let mut text = b"id,x,y\n".to_vec();
        for row in &rows {
            text.extend_from_slice(row.as_bytes());
            text.push(b'\n');
        }
        let columns = [Columns::Prediction, Columns::All, Columns::Named(vec!["id".into()])][columns].clone();
        let share = |percent| Limit::Share(Share::parse(percent).unwrap());
        let limit = [Limit::Count(0), Limit::Count(3), share("10"), share("50"), share("100")][limit];
        let scorer = Scorer::new(lineup(), shape(columns, limit)).counting(Some(counter().into()));
        let run = Run { size: Some(text.len() as u64), ..Run::default() };
        let whole = joined(&text, &scorer, &run, &[], false);
        let ends = record_ends(&text);
        let some: Vec<usize> = ends.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(end, _)| *end).collect();
        for (ends, sent) in [(&ends, false), (&ends, true), (&some, false), (&some, true)] {
            prop_assert_eq!(&joined(&text, &scorer, &run, ends, sent), &whole);
        }
        let (mut out, mut rejects) = (Vec::new(), Vec::new());
        let done = transform(&text[..], &scorer, &mut out, &mut rejects, &run);
        prop_assert_eq!(done.is_ok(), whole.0.is_ok());
        if let (Ok(done), Ok(whole)) = (done, &whole.0) {
            prop_assert_eq!(&done.counts, &whole.counts);
            prop_assert_eq!((done.counts.rows, done.counts.bad_rows), (done.rows, done.bad_rows));
        }
        prop_assert_eq!(rejects, whole.2);
    }
}

proptest! {
    /// Wherever it is cut, and with anything that is no record behind it.
    #[test]
    fn any_parts_of_one_column_give_the_same_with_padding_behind_it(
        lines in prop::collection::vec(prop::sample::select(vec!["1", "", "", "\r", "\"\"", " ", "x", "\x1A", "\"2\"", "NA"]), 0..40),
        padding in prop::sample::select(vec!["", "\n", "\r\n\n", " ", "\t\n", "\x1A", "\n\x1A\n", " \n\n  "]),
        chosen in prop::collection::vec(any::<bool>(), 60),
        model in 0usize..2,
    ) {
        let columns = [Columns::Prediction, Columns::All][model].clone();
        let mut text = b"x\n".to_vec();
        for line in lines.iter().chain([&"5"]) {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        let json = br#"{"features":["x"],"coefficients":[2],"intercept":0.5}"#;
        let lineup = Lineup::alone(Arc::new(Model::parse(Format::Linear, json).unwrap()));
        let scorer = Scorer::new(lineup, shape(columns, Limit::Share(Share::ALL)));
        let run = Run { size: Some(text.len() as u64), ..Run::default() };
        let whole = joined(&text, &scorer, &run, &[], false);
        let ends = record_ends(&text);
        let some: Vec<usize> = ends.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(end, _)| *end).collect();
        for (ends, sent) in [(&ends, false), (&ends, true), (&some, false), (&some, true)] {
            prop_assert_eq!(&joined(&text, &scorer, &run, ends, sent), &whole);
        }
        prop_assert_eq!(whole.0.unwrap().rows as usize, lines.len() + 1);
        text.extend_from_slice(padding.as_bytes());
        let (mut out, mut rejects) = (Vec::new(), Vec::new());
        let run = Run { size: Some(text.len() as u64), ..Run::default() };
        transform(&text[..], &scorer, &mut out, &mut rejects, &run).unwrap();
        prop_assert_eq!(out, whole.1);
        prop_assert_eq!(rejects, whole.2);
    }
}

proptest! {
    /// How one is to be read is kept for the next, which may look almost the same.
    #[test]
    fn an_input_gives_the_same_whatever_was_scored_before(
        fronts in prop::collection::vec(
            prop::sample::select(vec![
                "", "x,y\n", "y,x\n", "x,y\r\n", "\"x\",\"y\"\n", "sep=;\nx;y\n", "sep=,\nx,y\n", "\nx,y\n", "x,y,z\n", "z,x,y\n",
                "x,y\n\n", "x", "x,y", "a,b\n", "\u{feff}x,y\n", "x\u{0}y\n", "x,\"y\n\"\n",
            ]),
            1..8,
        ),
        all in any::<bool>(),
    ) {
        let columns = if all { Columns::All } else { Columns::Prediction };
        let fresh = || Scorer::new(lineup(), shape(columns.clone(), Limit::Share(Share::ALL)));
        let score = |scorer: &Scorer, text: &str| {
            let (mut out, mut rejects) = (Vec::new(), Vec::new());
            let done = transform(text.as_bytes(), scorer, &mut out, &mut rejects, &Run::default());
            (format!("{done:?}"), out, rejects)
        };
        let scorer = fresh();
        for front in fronts {
            let text = format!("{front}1,2\n3,4\n5,oops\n");
            prop_assert_eq!(score(&scorer, &text), score(&fresh(), &text));
        }
    }
}

/// Reads or writes, and counts the calls.
struct Counted<T> {
    of: T,
    calls: u32,
}

impl<T: Read> Read for Counted<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        self.of.read(bytes)
    }
}

impl<T: Write> Write for Counted<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        self.of.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.of.flush()
    }
}

/// Each call is a good part of what a small file costs: its text was read in two, and its header was written by itself.
#[test]
fn a_small_input_is_read_and_written_at_once() {
    let text = format!("x,y\n{}", "1.5,2\n".repeat(5000));
    let size = Some(text.len() as u64);
    let scorer = Scorer::new(lineup(), shape(Columns::All, Limit::Count(0)));
    let mut input = Counted {
        of: text.as_bytes(),
        calls: 0,
    };
    let mut out = Counted {
        of: Vec::new(),
        calls: 0,
    };
    let run = Run { size, ..Run::default() };
    let summary = transform(&mut input, &scorer, &mut out, &mut io::sink(), &run).unwrap();
    assert_eq!((input.calls, out.calls), (1, 1), "its size is known");
    assert_eq!(summary.output_hash, Some(blake3::hash(&out.of)));
    assert!(out.of.starts_with(b"x,y,prediction\n1.5,2,5.5\n"));
}

/// Two bytes a row, all bad: each was 176 bytes of heap until the file was done with.
#[test]
fn rejects_take_a_few_bytes_each() {
    let text = [&b"x,y\n"[..], &b"!\n".repeat(100_000)].concat();
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Share(Share::ALL)));
    let opened = open(Beginning::Text(&text), FileFormat::default(), &scorer).unwrap();
    let part = opened.part(
        Block::Text(text[opened.input.end()..].to_vec()),
        Out::new(&opened.input),
    );
    assert_eq!(part.rejects.len(), 100_000);
    assert!(part.memory() < 80 * 100_000, "{} bytes", part.memory());
}

/// The rest can't make up for it; the file was read to its end, and its rejects grew to 12 times its size.
#[test]
fn a_share_of_bad_rows_that_no_rest_can_bring_down_stops_early() {
    let rows = |bad: usize, good: usize| [&b"x,y\n"[..], &b"!\n".repeat(bad), &b"1,2\n".repeat(good)].concat();
    let score = |text: &[u8], size: Option<u64>| {
        let tenth = Limit::Share(Share::parse("10").unwrap());
        let run = Run { size, ..Run::default() };
        let (mut out, mut rejects) = (Vec::new(), Vec::new());
        let done = transform(
            text,
            &Scorer::new(lineup(), shape(Columns::Prediction, tenth)),
            &mut out,
            &mut rejects,
            &run,
        );
        let Err(Failure::Problem(problem)) = done else {
            return (None, rejects.len());
        };
        (Some(problem.message), rejects.len())
    };
    // 2 million good rows at most could stand behind the first ones: 222,223 bad ones are too many.
    let text = rows(2_000_000, 1_000_000);
    let (message, rejects) = score(&text, Some(text.len() as u64));
    let message = message.unwrap();
    assert!(
        message.starts_with("more than 10% of the rows can't be scored, whatever the rest holds, and"),
        "{message}"
    );
    assert!(rejects < text.len(), "{rejects} bytes of rejects");
    // Without a size nothing is known of the rest.
    let (message, _) = score(&text, None);
    assert!(
        message
            .unwrap()
            .starts_with("2000000 of 3000000 rows can't be scored, and")
    );
    // Just as many as may be: bad rows in front, the good ones behind.
    let text = rows(100_000, 900_000);
    assert_eq!(score(&text, Some(text.len() as u64)).0, None);
    let text = rows(100_001, 900_000);
    let (message, _) = score(&text, Some(text.len() as u64));
    assert!(message.unwrap().contains("can't be scored"));
}

/// Found by attack: a process that ended behind a failed file crashed where ONNX Runtime still scored the blocks behind it.
#[test]
fn nothing_is_scored_any_more_once_a_run_has_failed() {
    let pool = pool(4).unwrap();
    let rows = "1.25,2.5\n".repeat(4 * BLOCK / 9);
    let text = format!("x,y\n1,\0\n{rows}");
    let run = Run {
        pool: Some(&pool),
        memory: 1 << 30,
        ..Run::default()
    };
    for _ in 0..20 {
        let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0)));
        let failed = transform(text.as_bytes(), &scorer, &mut io::sink(), &mut io::sink(), &run);
        assert!(matches!(failed, Err(Failure::Problem(_))));
        assert_eq!(Arc::strong_count(&scorer.lineup), 1);
    }
}

/// A pool's input: who reads it is noted.
struct Noted<'a> {
    text: &'a [u8],
    readers: &'a Mutex<HashSet<ThreadId>>,
    read: &'a Condvar,
}

impl Read for Noted<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.readers.lock().unwrap().insert(thread::current().id());
        self.read.notify_all();
        self.text.read(bytes)
    }
}

/// Does something at each write, which it counts.
struct AtWrite<F>(usize, F);

impl<F: FnMut(usize) -> io::Result<()>> Write for AtWrite<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += 1;
        (self.1)(self.0).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blocks(count: usize) -> String {
    format!("x,y\n{}", "1.25,2.5\n".repeat(count * BLOCK / 9))
}

/// While it let others go first, a thread took the work of one that was late, and was alone then until the end.
#[test]
fn a_thread_that_comes_late_finds_work() {
    let pool = pool(2).unwrap();
    let text = blocks(12);
    let (readers, read) = (Mutex::default(), Condvar::new());
    let (free, held) = mpsc::channel::<()>();
    pool.spawn(move || held.recv().unwrap_or_default());
    let both = |readers: &mut HashSet<ThreadId>| readers.len() < 3; // with the thread that asks
    let mut out = AtWrite(0, |count| {
        if count == 5 {
            free.send(()).unwrap();
            let readers = readers.lock().unwrap();
            let waited = read.wait_timeout_while(readers, Duration::from_secs(60), both).unwrap();
            assert!(!waited.1.timed_out(), "one thread does all");
        }
        Ok(())
    });
    let input = Noted {
        text: text.as_bytes(),
        readers: &readers,
        read: &read,
    };
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0)));
    let run = Run {
        pool: Some(&pool),
        memory: 1 << 30,
        ..Run::default()
    };
    let summary = transform(input, &scorer, &mut out, &mut io::sink(), &run).unwrap();
    assert_eq!(summary.input_hash, Some(blake3::hash(text.as_bytes())));
}

#[test]
fn other_work_of_the_pool_does_not_wait_for_the_end_of_an_input() {
    let pool = pool(1).unwrap();
    let text = blocks(8);
    let done = Arc::new(AtomicBool::new(false));
    let mut out = AtWrite(0, |count| {
        if count == 2 {
            let done = done.clone();
            thread::scope(|s| {
                s.spawn(|| pool.spawn(move || done.store(true, Ordering::Relaxed)))
                    .join()
                    .unwrap()
            });
        }
        assert!(count < 4 || done.load(Ordering::Relaxed));
        Ok(())
    });
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0)));
    let run = Run {
        pool: Some(&pool),
        memory: 1 << 30,
        ..Run::default()
    };
    transform(text.as_bytes(), &scorer, &mut out, &mut io::sink(), &run).unwrap();
}

/// Of a thread that panics, others would wait for its part.
#[test]
fn whatever_ends_a_thread_ends_the_run() {
    let text = blocks(40);
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0)));
    for threads in [1, 2, 4] {
        let pool = pool(threads).unwrap();
        let run = Run {
            pool: Some(&pool),
            memory: 1 << 30,
            ..Run::default()
        };
        let mut full = AtWrite(0, |count| match count {
            5 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        });
        let failed = transform(text.as_bytes(), &scorer, &mut full, &mut io::sink(), &run);
        assert!(matches!(failed, Err(Failure::Write(Destination::Output, _))));
        assert_eq!(full.0, 5);
        let mut panics = AtWrite(0, |count| match count {
            5 => panic!("at the fifth write"),
            _ => Ok(()),
        });
        let run = AssertUnwindSafe(|| transform(text.as_bytes(), &scorer, &mut panics, &mut io::sink(), &run));
        assert!(catch_unwind(run).is_err());
        assert_eq!(panics.0, 5);
    }
}

/// Who joined what another thread made kept the memory of it until its own next block, and that never came.
#[test]
fn memory_is_bounded_where_one_thread_joins_what_another_makes() {
    struct Places<'a>(&'a [u8], &'a Mutex<(usize, HashSet<usize>)>, &'a Condvar);
    impl Read for Places<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let mut reads = self.1.lock().unwrap();
            reads.0 += 1;
            reads.1.insert(bytes.as_ptr() as usize >> 16);
            self.2.notify_all();
            self.0.read(bytes)
        }
    }
    let pool = pool(2).unwrap();
    let text = blocks(60);
    let (reads, read) = (Mutex::default(), Condvar::new());
    let mut out = AtWrite(0, |count: usize| {
        // There is a part to be joined behind this one.
        let behind = |reads: &mut (usize, HashSet<usize>)| reads.0 < (count + 4).min(60);
        let waited = read.wait_timeout_while(reads.lock().unwrap(), Duration::from_secs(60), behind);
        assert!(!waited.unwrap().1.timed_out(), "nobody reads");
        Ok(())
    });
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0)));
    let run = Run {
        pool: Some(&pool),
        memory: 1 << 30,
        ..Run::default()
    };
    transform(
        Places(text.as_bytes(), &reads, &read),
        &scorer,
        &mut out,
        &mut io::sink(),
        &run,
    )
    .unwrap();
    let places = reads.lock().unwrap().1.len();
    assert!(places <= 20, "{places} places in memory");
}
