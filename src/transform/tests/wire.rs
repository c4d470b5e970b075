//! Parts that are scored elsewhere come to the same.

use super::super::wire::{Damaged, PartReader, PartWriter};
use super::trials::{divided, scorer, table};
use super::*;
use crate::format::{Compression, OutputFormat, RowFormat};

/// Their file.
fn file(parts: impl IntoIterator<Item = Part>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = PartWriter::new(&mut bytes).unwrap();
    parts.into_iter().for_each(|mut part| writer.write(&mut part).unwrap());
    writer.end().unwrap();
    bytes
}

fn read(bytes: &[u8], opened: &Opened) -> Result<Vec<Part>, Damaged> {
    let mut reader = PartReader::new(bytes, opened);
    let mut parts = Vec::new();
    while let Some(part) = reader.next(Out::new(&opened.input))? {
        parts.push(part);
    }
    Ok(parts)
}

pub fn sent(parts: Vec<Part>, opened: &Opened) -> Vec<Part> {
    read(&file(parts), opened).unwrap()
}

/// A table's row groups, or the runs of a text's records that end there.
fn blocks(input: &[u8], scorer: &Scorer, run: &Run, ends: &[usize]) -> (Opened, Vec<Block>) {
    let mut blocks = Blocks::new(input, &run.cutting(&scorer.shape)).unwrap();
    let first = blocks.next_block().unwrap().unwrap_or_default();
    let opened = open(first.beginning(), run.format, scorer).unwrap();
    let opened = opened.in_phase(scorer, run.phase).unwrap();
    blocks.open(&opened.input);
    let mut all = Vec::new();
    if let Block::Text(text) = &first {
        let mut start = opened.input.end();
        for &end in ends
            .iter()
            .filter(|end| (opened.input.end()..text.len()).contains(*end))
        {
            all.push(Block::Text(text[start..end].to_vec()));
            start = end;
        }
        all.push(Block::Text(text[start..].to_vec()));
    } else {
        all.push(first);
        while let Some(block) = blocks.next_block().unwrap() {
            all.push(block);
        }
    }
    (opened, all)
}

/// What came of it, but for how long it took; the output, the rejects, what is kept of trials.
pub type Done = (Result<Summary, String>, Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

fn timeless(done: Result<Summary, Failure>) -> Result<Summary, String> {
    let mut summary = done.map_err(|e| format!("{e:?}"))?;
    let arms = summary.arms.iter_mut().map(|arms| &mut arms.tried);
    for tried in summary.trials.iter_mut().map(|(_, tried)| tried).chain(arms) {
        tried.sides.iter_mut().for_each(|side| side.took = Duration::ZERO);
    }
    Ok(summary)
}

/// With sinks of these trials.
pub fn beside(
    trials: &[Trial],
    run: impl FnOnce(Vec<Sink>, &mut Vec<u8>, &mut Vec<u8>) -> Result<Summary, Failure>,
) -> Done {
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let mut kept = vec![Vec::new(); trials.len()];
    let sinks = trials
        .iter()
        .zip(&mut kept)
        .map(|(&trial, out)| Sink { trial, out })
        .collect();
    let summary = timeless(run(sinks, &mut out, &mut rejects));
    (summary, out, rejects, kept)
}

/// By this machine alone, and by parts that were sent: of these runs of records, or of row groups.
fn both(input: &[u8], scorer: &Scorer, run: &Run, trials: &[Trial], ends: &[usize]) -> [Done; 2] {
    let here = beside(trials, |sinks, out, rejects| {
        transform_beside(input, scorer, out, rejects, sinks, run)
    });
    let elsewhere = beside(trials, |sinks, out, rejects| {
        let (opened, blocks) = blocks(input, scorer, run, ends);
        let opened = opened.with_trials(scorer, trials.iter().copied());
        let kept: Vec<Block> = blocks.iter().map(same).collect();
        let parts = blocks
            .into_iter()
            .map(|block| opened.part(block, Out::new(&opened.input)));
        let mut join = Join::new(&opened, &scorer.shape, out, rejects, run)?.with_trials(sinks);
        for (mut part, block) in sent(parts.collect(), &opened).into_iter().zip(kept) {
            if part.is_whole() && part.out.lacks_kept() {
                assert!(part.out.keep(&opened.input, &block));
            }
            join.add(part)?;
        }
        join.finish(input.len() as u64, blake3::hash(input))
    });
    [here, elsewhere]
}

fn same(block: &Block) -> Block {
    match block {
        Block::Text(text) => Block::Text(text.clone()),
        Block::Table(table) => Block::Table(table.clone()),
        Block::RowGroup(group) => Block::RowGroup(group.clone()),
    }
}

fn some(ends: Vec<usize>, chosen: &[bool]) -> Vec<usize> {
    let chosen = ends.into_iter().zip(chosen).filter(|(_, chosen)| **chosen);
    chosen.map(|(end, _)| end).collect()
}

const TABLES: bool = cfg!(feature = "parquet");

/// Those that are built in.
fn outputs() -> Vec<OutputFormat> {
    let is_built_in = |output: &OutputFormat| TABLES || *output != OutputFormat::Parquet;
    OutputFormat::ALL.into_iter().filter(is_built_in).collect()
}

fn columns() -> impl Strategy<Value = Columns> {
    prop::sample::select(vec![
        Columns::Prediction,
        Columns::All,
        Columns::Named(vec!["id".into()]),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A shadow, or an A/B test; outputs as text and as columns; keys that stand twice.
    #[test]
    fn trials_are_the_same_wherever_their_rows_are_scored(
        text in table(),
        pair in prop::sample::select(vec![(0, 1), (1, 0), (2, 4), (4, 2), (3, 1)]),
        arms in any::<bool>(),
        output in prop::sample::select(outputs()),
        chosen in prop::collection::vec(any::<bool>(), 60),
    ) {
        let (champion, other) = pair;
        let arms = arms && champion != 3;
        let mut scorer = match arms {
            true => divided(champion, other),
            false => scorer(champion, &[other]),
        };
        scorer.shape.output = output;
        let (trial, phase) = match arms {
            true => (Trial::Challenger(0), Some("ab/1")),
            false => (Trial::Shadow(0), None),
        };
        let run = Run { size: Some(text.len() as u64), phase, ..Run::default() };
        if transform(text.as_bytes(), &scorer, &mut io::sink(), &mut io::sink(), &run).is_err() {
            return Ok(());
        }
        let ends = some(record_ends(text.as_bytes()), &chosen);
        for trials in [&[trial][..], &[]] {
            let [here, elsewhere] = both(text.as_bytes(), &scorer, &run, trials, &ends);
            prop_assert_eq!(elsewhere, here);
        }
    }

    /// As text, JSON and columns, of a table and of a text; the table is what came of the text. Sums of these are exact in any order.
    #[test]
    fn any_output_is_the_same_wherever_rows_are_scored(
        rows in prop::collection::vec(
            prop::sample::select(vec!["a,1,2", "b,,3", "c,oops,1", "\"d\nd\",4,5", "e,1e999,1", "\u{e4},0.5,0.25", "h,inf,-inf", ",7,8"]),
            1..40,
        ),
        columns in columns(),
        pair in prop::array::uniform2(prop::sample::select(outputs())),
        chosen in prop::collection::vec(any::<bool>(), 60),
    ) {
        let text = format!("id,x,y\n{}\n", rows.join("\n"));
        let scorer = |columns, output| {
            let mut scorer = Scorer::new(lineup(), shape(columns, Limit::Share(Share::ALL))).counting(Some(counter().into()));
            scorer.shape.output = output;
            scorer.shape.prefix = "p_".into();
            scorer
        };
        let run = Run { size: Some(text.len() as u64), ..Run::default() };
        let [here, elsewhere] = both(text.as_bytes(), &scorer(columns.clone(), pair[0]), &run, &[], &some(record_ends(text.as_bytes()), &chosen));
        prop_assert_eq!(elsewhere, here);
        if !TABLES {
            return Ok(());
        }
        let mut table = Vec::new();
        transform(text.as_bytes(), &scorer(Columns::All, OutputFormat::Parquet), &mut table, &mut io::sink(), &run).unwrap();
        let format = FileFormat { rows: RowFormat::Parquet, compression: Compression::None };
        let run = Run { size: Some(table.len() as u64), format, ..Run::default() };
        let mut again = scorer(columns, pair[1]);
        again.shape.prefix = "q_".into();
        let [here, elsewhere] = both(&table, &again, &run, &[], &[]);
        prop_assert_eq!(elsewhere, here);
    }

    /// Nor is it believed how long anything is.
    #[test]
    fn a_damaged_part_is_an_error_or_a_part(
        rows in prop::collection::vec(prop::sample::select(vec!["a,1,2", "b,,3", "c,oops,1", "\"d\"d,4,5", "h,inf,-inf", "x", "\0"]), 1..9),
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..10),
        removed in 0usize..10,
        output in prop::sample::select(outputs()),
    ) {
        let text = format!("id,x,y\n{}\n", rows.join("\n"));
        let mut scorer = Scorer::new(lineup(), shape(Columns::All, Limit::Share(Share::ALL))).counting(Some(counter().into()));
        scorer.shape.output = output;
        let (opened, blocks) = blocks(text.as_bytes(), &scorer, &Run::default(), &[]);
        let part = |block| opened.part(block, Out::new(&opened.input));
        let whole = file(blocks.into_iter().map(part));
        let at = at.index(whole.len());
        prop_assert!(read(&whole[..at], &opened).is_err());
        let mut damaged = whole.clone();
        damaged.splice(at..(at + removed).min(whole.len()), bytes);
        if let Ok(parts) = read(&damaged, &opened) {
            let (mut out, mut rejects, run) = (Vec::new(), Vec::new(), Run::default());
            let mut join = Join::new(&opened, &scorer.shape, &mut out, &mut rejects, &run).unwrap();
            let _ = parts.into_iter().try_for_each(|part| join.add(part).map(drop));
        }
    }
}
