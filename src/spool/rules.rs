//! Which names are inputs. PURE.

use super::links::Links;
use super::name::Name;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Which names are inputs.
#[derive(Clone, Debug)]
pub struct Rules {
    recursive: bool,
    include: GlobSet,
    hidden: Hidden,
    links: Links,
}

impl Rules {
    /// `include`: globs on the file name; `hidden`: on the names of subfolders and of what is in them. Case is ignored.
    pub fn new(recursive: bool, include: &[String], hidden: Hidden, links: Links) -> Result<Rules, globset::Error> {
        Ok(Rules {
            recursive,
            include: set(include)?,
            hidden,
            links,
        })
    }

    pub fn recursive(&self) -> bool {
        self.recursive
    }

    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Could `name` be an input?
    pub fn accept(&self, name: &Name) -> bool {
        self.sort(name) == Sort::Input
    }

    pub fn sort(&self, name: &Name) -> Sort {
        let (folder, file) = name.split();
        if !folder.is_empty() && (!self.recursive || !self.enter(folder) || self.hidden.file(file)) {
            return Sort::Never;
        }
        let lower = file.to_ascii_lowercase();
        let unfinished = [".tmp", ".part", ".partial"]
            .iter()
            .any(|s| lower.ends_with(s.as_bytes()));
        match is_dotted(file) || unfinished {
            true => Sort::Never,
            false if self.include.is_match(OsStr::from_bytes(file)) => Sort::Input,
            // Such as Spark's _SUCCESS.
            false if self.hidden.file(file) => Sort::Never,
            false => Sort::Other,
        }
    }

    /// Could inputs be in `folder`, a path below the input folder, if subfolders are listed?
    pub fn enter(&self, folder: &[u8]) -> bool {
        let hidden = |part: &[u8]| is_dotted(part) || self.hidden.folder(part);
        !folder.split(|b| *b == b'/').any(hidden)
    }
}

/// What a name says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Input,
    /// No glob has it: an input under another name, for all that is known.
    Other,
    /// Names that begin with a dot, or end as those of files in the making do, and what is hidden.
    Never,
}

fn is_dotted(part: &[u8]) -> bool {
    part.first() == Some(&b'.')
}

/// Names of subfolders, and of files in them, that are never inputs: what Spark's and Hive's committers write below
/// `_temporary` is renamed when it is whole.
#[derive(Clone, Debug)]
pub struct Hidden {
    names: GlobSet,
    /// Of `names`, those with a `=`.
    partitions: GlobSet,
}

impl Hidden {
    pub fn new(globs: &[String]) -> Result<Hidden, globset::Error> {
        Ok(Hidden {
            names: set(globs)?,
            partitions: set(globs.iter().filter(|glob| glob.contains('=')))?,
        })
    }

    fn file(&self, name: &[u8]) -> bool {
        self.names.is_match(OsStr::from_bytes(name))
    }

    /// A folder `_day=7` is a partition by a column `_day`, as it is to Spark.
    fn folder(&self, name: &[u8]) -> bool {
        let globs = if name.contains(&b'=') {
            &self.partitions
        } else {
            &self.names
        };
        globs.is_match(OsStr::from_bytes(name))
    }
}

fn set<'a>(globs: impl IntoIterator<Item = &'a String>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(recursive: bool, include: &[&str], name: &str) -> bool {
        let include: Vec<String> = include.iter().map(|s| s.to_string()).collect();
        let hidden = Hidden::new(&["_*".into()]).unwrap();
        Rules::new(recursive, &include, hidden, Links::Refuse)
            .unwrap()
            .accept(&Name::new(name.as_bytes()))
    }

    #[test]
    fn only_finished_visible_csvs_are_inputs() {
        for (name, is) in [
            ("a.csv", true),
            ("A.CSV", true),
            (".a.csv", false),
            (".a.csv.Xy12Zw", false),
            ("a.csv.tmp", false),
            ("a.csv.part", false),
            ("a.csv.PARTIAL", false),
            ("a.csv.out", false),
            ("a.txt", false),
            ("b/a.csv", false),
        ] {
            assert_eq!(accepts(false, &["*.csv"], name), is, "{name}");
        }
        let spark = ["*.parquet", "*.json", "*.csv.gz"];
        for (name, is) in [
            ("day/part-0.snappy.parquet", true),
            ("day/part-00000-8c2f-c000.gz.parquet", true),
            ("day/part-0.json", true),
            ("day/part-0.json.gz", false),
            ("day/part-0.c000.csv.gz", true),
            ("day/_SUCCESS", false),
            ("day/.part-0.snappy.parquet.crc", false),
            ("day/part-0.snappy.parquet.crc", false),
            ("day/_temporary/0/part-0.snappy.parquet", false),
        ] {
            assert_eq!(accepts(true, &spark, name), is, "{name}");
        }
        assert!(accepts(true, &["*.csv"], "b/c/a.csv"));
        assert!(!accepts(true, &["*.csv"], "b/.c/a.csv"));
        assert!(accepts(false, &["*.csv", "rows-*"], "rows-1"));
        assert!(!accepts(false, &["*"], "rows.tmp"));
    }

    #[test]
    fn what_spark_hides_is_hidden_in_subfolders_only() {
        for (name, is) in [
            ("_a.csv", true),
            ("b/_a.csv", false),
            ("_temporary/a.csv", false),
            ("day/_temporary/0/a.csv", false),
            ("day/a_b.csv", true),
            ("_day=7/a.csv", true),
            ("_day=7/_a.csv", false),
            ("_day=7/_temporary/a.csv", false),
        ] {
            assert_eq!(accepts(true, &["*.csv"], name), is, "{name}");
        }
        let hidden = Hidden::new(&["*=old".into()]).unwrap();
        let rules = Rules::new(true, &["*.csv".into()], hidden, Links::Refuse).unwrap();
        assert!(rules.enter(b"_b/day=7") && !rules.enter(b"b/day=old"));
    }
}
