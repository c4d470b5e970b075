//! Several models as one: the weighted mean of what they predict, or the median.
//!
//! Members predict as they do alone. A row that one of them can't score is none that the ensemble scores: a mean of fewer
//! would be another model. Sums are in the members' order, in doubles.

mod plan;
mod unite;

#[cfg(test)]
mod tests;

use unite::own_missing;

pub use plan::{Combine, MEMBERS_MAX, Part, Plan};

use super::{Category, Column, Defect, KnownIntegers, KnownTexts, Model, Signature, Texts, Type, unicode};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The code of what is not among the categories of an open input.
const UNKNOWN: f64 = -1.0;
/// Of a member that doesn't say otherwise.
const THRESHOLD: f64 = 0.5;

#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Member>,
    combine: Combine,
    classes: bool,
    threshold: Option<f64>,
    sample: Vec<String>,
    known: Vec<Option<KnownTexts>>,
    known_integers: Vec<(usize, KnownIntegers)>,
}

#[derive(Debug)]
struct Member {
    version: u32,
    model: Model,
    share: f64,
    inputs: Vec<Source>,
    /// Of its inputs of text: the place among the ensemble's, and what it knows where that isn't what all know.
    texts: Vec<(usize, Option<KnownTexts>)>,
    /// Of each of the ensemble's outputs, the place among its own.
    outputs: Vec<usize>,
}

/// Where a member's input comes from.
#[derive(Debug)]
struct Source {
    place: usize,
    /// Its code for each of the ensemble's, where its table has another order.
    codes: Option<Vec<f64>>,
    /// Numbers that mean a missing value to it alone.
    missing: Vec<f64>,
    /// They are compared as singles.
    single: bool,
}

impl Source {
    fn read<'a>(&self, columns: &[&'a [f64]]) -> Cow<'a, [f64]> {
        let column = columns[self.place];
        let Some(codes) = &self.codes else {
            return self.unmarked(column);
        };
        let code = |&x: &f64| match x.is_nan() {
            true => x,
            false if x < 0.0 => UNKNOWN,
            false => codes.get(x as usize).copied().unwrap_or(UNKNOWN),
        };
        column.iter().map(code).collect()
    }

    /// Without the numbers that mean a missing value.
    fn unmarked<'a>(&self, column: &'a [f64]) -> Cow<'a, [f64]> {
        if self.missing.is_empty() {
            return column.into();
        }
        let is = |x: f64, marker: f64| {
            if self.single {
                x as f32 == marker as f32
            } else {
                x == marker
            }
        };
        let number = |&x: &f64| {
            if self.missing.iter().any(|&marker| is(x, marker)) {
                f64::NAN
            } else {
                x
            }
        };
        column.iter().map(number).collect()
    }
}

impl Ensemble {
    /// `models`: the plan's members, in its order, each with the signature that stands there.
    pub fn of(plan: &Plan, models: Vec<Model>) -> Result<(Ensemble, Signature), Defect> {
        let (signature, wirings) = plan.signature()?;
        let thresholds = models.iter().map(Model::threshold).collect::<Vec<_>>();
        let is_text = |input: &Column| input.kind == Type::String;
        // Of an input, its place among those of text.
        let texts: BTreeMap<usize, usize> = (0..signature.inputs.len())
            .filter(|&place| is_text(&signature.inputs[place]))
            .enumerate()
            .map(|(text, place)| (place, text))
            .collect();
        let mut members = Vec::with_capacity(models.len());
        for (((part, model), wiring), share) in plan.members.iter().zip(models).zip(wirings).zip(plan.shares()) {
            let own = &model.signature().inputs;
            let source = |(&place, column): (&usize, &Column)| Source {
                place,
                codes: codes(&signature.inputs[place].categories, &column.categories),
                missing: own_missing(column, &signature.inputs[place]),
                single: column.kind == Type::Float32,
            };
            let own_texts = wiring.inputs.iter().filter_map(|place| texts.get(place));
            members.push(Member {
                version: part.version,
                inputs: wiring.inputs.iter().zip(own).map(source).collect(),
                texts: own_texts.map(|&text| (text, None)).collect(),
                outputs: wiring.outputs,
                share,
                model,
            });
        }
        let known = known_texts(&members, &texts, &signature)?;
        for Member { model, texts, .. } in &mut members {
            for ((text, own), of) in texts.iter_mut().zip(model.known_texts()) {
                *own = of.clone().filter(|_| known[*text] != *of);
            }
        }
        let classes = signature.outputs[0].kind == Type::Category;
        let ensemble = Ensemble {
            sample: sample(&members, &known),
            known_integers: known_integers(&members),
            known,
            combine: plan.combine,
            threshold: threshold(plan, &thresholds, &members, classes)?,
            classes,
            members,
        };
        Ok((ensemble, signature))
    }

    pub fn sample_texts(&self) -> &[String] {
        &self.sample
    }

    pub fn known_texts(&self) -> &[Option<KnownTexts>] {
        &self.known
    }

    pub fn known_integers(&self) -> &[(usize, KnownIntegers)] {
        &self.known_integers
    }

    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// As `Model::predict`.
    pub fn predict(&self, columns: &[&[f64]], texts: &Texts, rows: usize, out: &mut [f64]) -> Result<(), String> {
        let predict = |member: &Member| {
            let predicted = member.predict(columns, texts, rows);
            predicted.map_err(|why| format!("version {}: {why}", member.version))
        };
        let predictions = self.members.iter().map(predict).collect::<Result<Vec<_>, _>>()?;
        for (place, out) in out.chunks_mut(rows).enumerate().skip(usize::from(self.classes)) {
            let columns = self.members.iter().zip(&predictions).map(|(member, own)| {
                let column = &own[member.outputs[place] * rows..][..rows];
                (member.share, column)
            });
            match self.combine {
                Combine::Mean => {
                    out.fill(0.0);
                    for (share, column) in columns {
                        out.iter_mut().zip(column).for_each(|(y, x)| *y += share * x);
                    }
                }
                Combine::Median => {
                    let columns: Vec<&[f64]> = columns.map(|(_, column)| column).collect();
                    let mut row_of = vec![0.0; columns.len()];
                    for (row, y) in out.iter_mut().enumerate() {
                        row_of.iter_mut().zip(&columns).for_each(|(x, column)| *x = column[row]);
                        *y = median(&mut row_of);
                    }
                }
            }
        }
        if self.classes {
            let (labels, probabilities) = out.split_at_mut(rows);
            for (row, label) in labels.iter_mut().enumerate() {
                let of_row: Vec<f64> = probabilities.chunks(rows).map(|column| column[row]).collect();
                *label = self.label(&of_row);
            }
        }
        Ok(())
    }

    /// The first class of the greatest probability; of two classes the second one from the threshold on, if there is one. NaN
    /// where a probability is.
    fn label(&self, probabilities: &[f64]) -> f64 {
        if probabilities.iter().any(|p| p.is_nan()) {
            return f64::NAN;
        }
        match (self.threshold, probabilities) {
            (Some(threshold), &[_, second]) => f64::from(second >= threshold),
            _ => {
                let best = (1..probabilities.len()).fold(0, |best, class| {
                    if probabilities[class] > probabilities[best] {
                        class
                    } else {
                        best
                    }
                });
                best as f64
            }
        }
    }
}

impl Member {
    /// Its own outputs, `[output][row]`.
    fn predict(&self, columns: &[&[f64]], texts: &Texts, rows: usize) -> Result<Vec<f64>, String> {
        let columns: Vec<Cow<[f64]>> = self.inputs.iter().map(|source| source.read(columns)).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Cow::as_ref).collect();
        let text = |(place, known): &(usize, Option<KnownTexts>)| match known {
            None => Cow::Borrowed(texts[*place]),
            Some(known) => texts[*place].iter().map(|text| form(text, known)).collect(),
        };
        let texts: Vec<Cow<[String]>> = self.texts.iter().map(text).collect();
        let texts: Vec<&[String]> = texts.iter().map(Cow::as_ref).collect();
        let mut out = vec![0.0; rows * self.model.signature().outputs.len()];
        self.model.predict(&columns, &texts, &mut out)?;
        Ok(out)
    }
}

/// The middle one; NaN where one is.
fn median(values: &mut [f64]) -> f64 {
    if values.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        // Halves first: their sum may be beyond the largest number.
        _ => values[middle - 1] / 2.0 + values[middle] / 2.0,
    }
}

/// A table's code for each code of another one with the same categories.
fn codes(of: &[Category], own: &[Category]) -> Option<Vec<f64>> {
    (of != own).then(|| {
        let table = unite::table(own);
        let code = |category| table.get(&unite::key(category)).map_or(UNKNOWN, |&code| code as f64);
        of.iter().map(code).collect()
    })
}

/// What members know of each text: together, where all of them tell.
fn known_texts(
    members: &[Member],
    texts: &BTreeMap<usize, usize>,
    signature: &Signature,
) -> Result<Vec<Option<KnownTexts>>, Defect> {
    let mut all = Vec::with_capacity(texts.len());
    for (&place, &text) in texts {
        let own = members.iter().flat_map(|member| {
            let known = member.texts.iter().enumerate().filter(|(_, (of, _))| *of == text);
            known.map(|(index, _)| {
                (
                    member.version,
                    member.model.known_texts().get(index).and_then(Option::as_ref),
                )
            })
        });
        let own: Vec<(u32, Option<&KnownTexts>)> = own.collect();
        let is_spaced = |known: &KnownTexts| known.iter().any(|text| unicode::trim(text) != text);
        let free = own.iter().find(|(_, known)| known.is_none());
        let spaced = own.iter().find(|(_, known)| known.is_some_and(is_spaced));
        if let (Some((a, _)), Some((b, _))) = (free, spaced) {
            return Err(Defect(format!(
                "versions {a} and {b} don't take the same texts of {:?}: one knows some with spaces around them, the other takes any",
                signature.inputs[place].name
            )));
        }
        let known: Option<Vec<&KnownTexts>> = own.into_iter().map(|(_, known)| known).collect();
        all.push(known.map(|known| known.into_iter().flatten().cloned().collect()));
    }
    Ok(all)
}

/// A text that others may know, in the form in which this one knows it, if it does.
fn form(text: &str, known: &KnownTexts) -> String {
    let trimmed = unicode::trim(text);
    let forms = [text.to_string(), trimmed.to_string()]
        .into_iter()
        .chain(unicode::forms(trimmed));
    forms
        .into_iter()
        .find(|form| known.contains(form))
        .unwrap_or_else(|| trimmed.into())
}

/// A text for each input of text that as many members as possible know.
fn sample(members: &[Member], known: &[Option<KnownTexts>]) -> Vec<String> {
    let of_text = |text: usize| {
        let own = members.iter().flat_map(|member| {
            let samples = member.texts.iter().zip(member.model.sample_texts());
            samples
                .filter(move |((of, _), _)| *of == text)
                .map(|(_, sample)| sample)
        });
        let knowing = |sample: &&String| {
            let known = members
                .iter()
                .flat_map(|member| member.texts.iter().zip(member.model.known_texts()));
            known
                .filter(|((of, _), known)| *of == text && known.as_ref().is_some_and(|known| known.contains(*sample)))
                .count()
        };
        own.max_by_key(knowing).cloned().unwrap_or_default()
    };
    (0..known.len()).map(of_text).collect()
}

/// Of inputs of numbers that are categories to all who take them, the whole numbers that one of these knows.
fn known_integers(members: &[Member]) -> Vec<(usize, KnownIntegers)> {
    let mut known: BTreeMap<usize, KnownIntegers> = BTreeMap::new();
    for member in members {
        for (own, integers) in member.model.known_integers() {
            known.entry(member.inputs[*own].place).or_default().extend(integers);
        }
    }
    for member in members {
        let own = member.model.known_integers();
        for (input, source) in member.inputs.iter().enumerate() {
            if own.iter().all(|(place, _)| *place != input) {
                known.remove(&source.place);
            }
        }
    }
    known.into_iter().collect()
}

/// Of two classes: what the plan says, else what the members do, if one does.
fn threshold(
    plan: &Plan,
    thresholds: &[Option<f64>],
    members: &[Member],
    classes: bool,
) -> Result<Option<f64>, Defect> {
    if let Some(threshold) = plan.threshold {
        return match classes && members[0].outputs.len() == 3 {
            true => Ok(Some(threshold)),
            false => Err(Defect("a threshold is for two classes".into())),
        };
    }
    let mut own = thresholds
        .iter()
        .zip(members)
        .filter_map(|(own, member)| Some(((*own)?, member)));
    let Some((first, _)) = own.clone().next() else {
        return Ok(None);
    };
    if let Some((_, member)) = own.find(|(_, member)| member.outputs != [0, 1, 2]) {
        return Err(Defect(format!(
            "the threshold of version {} is for the other class than version {}'s second one; say --threshold",
            member.version, members[0].version
        )));
    }
    let of_each = thresholds.iter().map(|own| own.unwrap_or(THRESHOLD)).zip(members);
    match of_each.clone().find(|(own, _)| *own != first) {
        None => Ok(Some(first)),
        Some((other, member)) => Err(Defect(format!(
            "the members give the second class from other probabilities on: {first}, and {other} by version {}; say --threshold",
            member.version
        ))),
    }
}
