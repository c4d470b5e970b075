//! Which column each of pandas' tables of categories belongs to.
//!
//! The file doesn't say. Its tables are those of the columns that pandas held as categories, in order; its list of categorical
//! features is the same columns where LightGBM was left to find them, and any others where somebody gave the list. A column
//! of categories that isn't on the list was trained on as the numbers of its codes.

use super::super::Defect;

/// What the file says of a feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    /// On the list; the highest code among those that it was trained on.
    Listed {
        highest: Option<f64>,
    },
    /// Numbers, from 0 to so many less one: as many codes would be the same.
    Counted(usize),
    Other,
}

impl Feature {
    /// `info`: of `feature_infos`, a range such as `[0:4]`, or codes such as `-1:4:1:0`, or `none`.
    pub fn read(info: &str, listed: bool) -> Feature {
        if listed {
            let codes = info.split(':').filter_map(|code| code.parse::<f64>().ok());
            return Feature::Listed {
                highest: codes.reduce(f64::max),
            };
        }
        let range = info.strip_prefix("[0:").and_then(|range| range.strip_suffix(']'));
        match range.and_then(|highest| highest.parse::<u32>().ok()) {
            Some(highest) => Feature::Counted(highest as usize + 1),
            None => Feature::Other,
        }
    }

    /// Can a table of so many categories be its own? One that isn't on the list has all of them, else anything would fit.
    fn fits(self, categories: usize) -> bool {
        match self {
            Feature::Listed { highest } => highest.is_none_or(|highest| highest < categories as f64),
            Feature::Counted(count) => count > 1 && count == categories,
            Feature::Other => false,
        }
    }
}

/// What the lengths of the tables say of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// The features on the list, whose the tables are, unless `others` are their owners.
    pub listed: Vec<usize>,
    /// Features that some of the tables would fit as well, and the numbers of their categories.
    pub others: Vec<(usize, usize)>,
}

impl Owners {
    /// `names`: of the features. `lengths`: of the tables.
    pub fn of(features: &[Feature], names: &[String], lengths: &[usize]) -> Result<Owners, Defect> {
        let is_listed = |&i: &usize| matches!(features[i], Feature::Listed { .. });
        let listed: Vec<usize> = (0..features.len()).filter(is_listed).collect();
        if listed.len() != lengths.len() {
            let left = match listed.len() < lengths.len() {
                // LightGBM takes columns of type category by itself, but only if they aren't ordered.
                true => {
                    "ordered categories are numbers to LightGBM: make them unordered (.cat.as_unordered()), and train again"
                }
                false => LEFT,
            };
            return Err(Defect(format!(
                "pandas_categorical has the categories of {} columns, categorical_feature names {}: which belong to which \
                 can't be told; {left}",
                lengths.len(),
                listed.len()
            )));
        }
        if let Some((feature, length)) = (listed.iter().zip(lengths)).find(|(f, length)| !features[**f].fits(**length))
        {
            return Err(Defect(format!(
                "{:?}, which categorical_feature names, was trained on codes that its table in pandas_categorical, of {length} \
                 categories, doesn't have: the table is another column's; {LEFT}",
                names[*feature]
            )));
        }
        // If they can be dealt out in another way, the first or the last way is another one.
        let first = dealt(features.iter().enumerate(), lengths.iter());
        let last = dealt(features.iter().enumerate().rev(), lengths.iter().rev());
        let mut others: Vec<(usize, usize)> = [first, last].concat();
        others.retain(|(feature, _)| !is_listed(feature));
        others.sort_unstable();
        others.dedup();
        Ok(Owners { listed, others })
    }
}

/// What whoever trained it can do.
const LEFT: &str =
    "train without categorical_feature, with pandas' type category for each column of categories and for no other";

/// Each table to the next feature that it fits.
fn dealt<'a>(
    mut features: impl Iterator<Item = (usize, &'a Feature)>,
    lengths: impl Iterator<Item = &'a usize>,
) -> Vec<(usize, usize)> {
    let next = |&length: &usize| Some((features.find(|(_, feature)| feature.fits(length))?.0, length));
    lengths.map_while(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listed(highest: f64) -> Feature {
        Feature::Listed { highest: Some(highest) }
    }

    #[test]
    fn infos_are_ranges_and_codes() {
        for (info, on_list, wanted) in [
            ("-1:4:1:2:3:0", true, listed(4.0)),
            ("none", true, Feature::Listed { highest: None }),
            ("[0:4]", false, Feature::Counted(5)),
            ("[1:4]", false, Feature::Other),
            ("[0:4.5]", false, Feature::Other),
            ("[-2.8986146170241458:3.8864552710410796]", false, Feature::Other),
            ("none", false, Feature::Other),
        ] {
            assert_eq!(Feature::read(info, on_list), wanted, "{info}");
        }
    }

    #[test]
    fn tables_are_dealt_out_in_order() {
        use Feature::{Counted, Other};
        let names = ["a", "b", "c"].map(String::from);
        let owners = |features: &[Feature], lengths: &[usize]| Owners::of(features, &names, lengths).map(|o| o.others);
        assert_eq!(owners(&[listed(4.0), Other, listed(1.0)], &[5, 2]).unwrap(), []);
        assert_eq!(owners(&[listed(4.0), Counted(4), listed(1.0)], &[5, 2]).unwrap(), []);
        // In front of both, or between them, it is one's or the other's.
        assert_eq!(
            owners(&[Counted(2), listed(1.0), listed(2.0)], &[2, 3]).unwrap(),
            [(0, 2)]
        );
        assert_eq!(
            owners(&[listed(4.0), Counted(2), listed(1.0)], &[5, 2]).unwrap(),
            [(1, 2)]
        );
        assert_eq!(
            owners(&[listed(1.0), listed(1.0), Counted(3)], &[2, 3]).unwrap(),
            [(2, 3)]
        );
        // Behind both, a table in front of another can't be its own.
        assert_eq!(owners(&[listed(1.0), listed(4.0), Counted(2)], &[2, 5]).unwrap(), []);
        assert!(owners(&[listed(5.0)], &[5]).is_err());
        // Ordered categories have a table, and aren't listed.
        let Defect(ordered) = owners(&[listed(5.0), Counted(5)], &[6, 5]).unwrap_err();
        assert!(ordered.contains("as_unordered"), "{ordered}");
    }

    proptest! {
        /// Another way to deal them out is found if there is one.
        #[test]
        fn another_way_is_found_if_there_is_one(
            features in prop::collection::vec((0usize..3, 1usize..4), 1..7),
            lengths in prop::collection::vec(1usize..4, 3),
        ) {
            let feature = |&(kind, n): &(usize, usize)| match kind {
                0 => listed(n as f64 - 1.0),
                1 => Feature::Counted(n),
                _ => Feature::Other,
            };
            let features: Vec<Feature> = features.iter().map(feature).collect();
            let count = features.iter().filter(|f| matches!(f, Feature::Listed { .. })).count();
            let lengths = &lengths[..count.min(3)];
            if let Ok(owners) = Owners::of(&features, &vec![String::new(); features.len()], lengths) {
                let mut ways = vec![0u32; lengths.len() + 1];
                ways[0] = 1;
                for feature in &features {
                    for table in (0..lengths.len()).rev().filter(|&t| feature.fits(lengths[t])) {
                        ways[table + 1] += ways[table];
                    }
                }
                prop_assert_eq!(ways[lengths.len()] > 1, !owners.others.is_empty());
            }
        }
    }
}
