//! Files that are no models here, by what they begin with: named, with the call that saves the model right.

use super::{Defect, Format};
use memchr::memmem;

/// What a file is that could not be read as `format`, if that can be told.
pub fn name(file: &[u8], format: Format) -> Option<Defect> {
    let start = &file[..file.len().min(START)];
    let found = by_magic(start, format).or_else(|| by_words(start, format));
    let own = found.is_none_or(|(_, instead)| instead == Instead::As(format));
    // The libraries read no model behind one.
    let marked = own && format != Format::Onnx && start.starts_with(BYTE_ORDER_MARK);
    let (what, instead) = match marked {
        true => (
            "a text behind a byte order mark, as editors write it",
            Instead::Unmarked,
        ),
        false => found.filter(|_| !own)?,
    };
    Some(Defect(format!("the file is {what}; {}", instead.advice())))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// So many bytes tell.
const START: usize = 4096;

/// What is to be registered in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    /// What the library writes.
    Saved(Format),
    /// The same file.
    As(Format),
    /// The same model.
    Onnx,
    Catboost,
    /// The file that it stands for.
    Itself,
    /// The same file without its mark.
    Unmarked,
}

impl Instead {
    fn advice(self) -> String {
        match self {
            Instead::Saved(Format::Xgboost) => "save the model with model.save_model(\"m.json\")".into(),
            Instead::Saved(Format::Lightgbm) => "save the model with model.booster_.save_model(\"m.txt\")".into(),
            Instead::Saved(Format::Onnx) => {
                "convert the model with skl2onnx: to_onnx(model, X[:1]).SerializeToString()".into()
            }
            Instead::Saved(Format::Linear | Format::Pipeline | Format::Ensemble) => {
                "save the model by its library: XGBoost's \
                 save_model(\"m.json\"), LightGBM's booster_.save_model(\"m.txt\"), for scikit-learn skl2onnx"
                    .into()
            }
            Instead::As(format) => format!("register it with --format {format}"),
            Instead::Onnx => "convert the model to ONNX, and register that with --format onnx".into(),
            Instead::Catboost => {
                "save the model with model.save_model(\"m.onnx\", format=\"onnx\"), and register that \
                 with --format onnx"
                    .into()
            }
            Instead::Itself => "register the model's own file".into(),
            Instead::Unmarked => {
                "register the file as the library saved it; sed -i '1s/^\\xef\\xbb\\xbf//' removes the mark".into()
            }
        }
    }
}

type Found = (&'static str, Instead);

fn by_magic(start: &[u8], format: Format) -> Option<Found> {
    let saved = Instead::Saved(format);
    let has = |words: &str| memmem::find(start, words.as_bytes()).is_some();
    Some(match start {
        [] => ("empty", Instead::Itself),
        // Protocols 2 to 5.
        [0x80, 2..=5, ..] => ("a pickle (or joblib) file, which is code and never loaded", saved),
        [0x1f, 0x8b, ..] => ("packed with gzip, as a joblib (pickle) or an RDS file can be", saved),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ("packed with zlib, as a joblib (pickle) file can be", saved),
        [b'B', b'Z', b'h', ..] => ("packed with bzip2, as a joblib (pickle) file can be", saved),
        [0xfd, b'7', b'z', b'X', b'Z', ..] | [0x5d, 0, 0, ..] => {
            ("packed with xz, as a joblib (pickle) file can be", saved)
        }
        [b'P', b'K', 3, 4, ..] if has("data.pkl") => ("a PyTorch file, a zip with a pickle", Instead::Onnx),
        [b'P', b'K', 3, 4, ..] if has("config.json") || has("model.weights.h5") => {
            ("a Keras file (.keras), a zip", Instead::Onnx)
        }
        [b'P', b'K', 3, 4, ..] => ("a zip", Instead::Itself),
        [0x89, b'H', b'D', b'F', ..] => ("HDF5, as a Keras file (.h5) is", Instead::Onnx),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => ("an array of numpy", saved),
        [b'b', b'i', b'n', b'f' | b's', ..] | [b'b', b's', b'6', b'4', ..] => {
            ("of XGBoost's old binary format", Instead::Saved(Format::Xgboost))
        }
        [b'C', b'B', b'M', b'1', ..] => ("a CatBoost model (.cbm)", Instead::Catboost),
        // An ONNX file has a name there, which is shorter than a graph.
        [8, 1, 0x12, 0x80..=0xff, ..] => ("a TensorFlow SavedModel (saved_model.pb)", Instead::Onnx),
        // An ONNX file has text there, not a message.
        [8, 2..=32, 0x12, rest @ ..] if is_message(rest) => ("a Core ML model (.mlmodel)", Instead::Onnx),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => ("a TensorFlow Lite model", Instead::Onnx),
        _ => return None,
    })
}

/// Behind its length (a varint), the first field of a protobuf message that is no text.
fn is_message(field: &[u8]) -> bool {
    let length = field.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    field.get(length) == Some(&0x0a)
}

fn by_words(start: &[u8], format: Format) -> Option<Found> {
    let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start).trim_ascii_start();
    let has = |words: &str| memmem::find(text, words.as_bytes()).is_some();
    let dump = "what XGBoost's dump_model writes for people";
    Some(match text.first() {
        None => ("empty", Instead::Itself),
        Some(b'<') if has("<PMML") => ("PMML", Instead::Onnx),
        Some(b'<') if has("<html") || has("<HTML") || has("<!DOCTYPE html") || has("<!doctype html") => {
            ("a web page, perhaps of a download that failed", Instead::Itself)
        }
        Some(b'[') if has("\"nodeid\"") => (dump, Instead::Saved(Format::Xgboost)),
        // Its objects have names that others' have, too.
        Some(b'{') if has("learner") => ("an XGBoost model", Instead::As(Format::Xgboost)),
        Some(b'{') if has("\"features_info\"") || has("\"oblivious_trees\"") => {
            ("a CatBoost model (JSON)", Instead::Catboost)
        }
        Some(b'{') if has("\"num_tree_per_iteration\"") => {
            ("what LightGBM's dump_model writes", Instead::Saved(Format::Lightgbm))
        }
        Some(b'{') if has("\"coefficients\"") => ("a linear model", Instead::As(Format::Linear)),
        Some(b'{') => return None,
        _ if text.starts_with(b"booster[") => (dump, Instead::Saved(Format::Xgboost)),
        _ if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") => {
            ("a LightGBM model", Instead::As(Format::Lightgbm))
        }
        _ if text.starts_with(b"version https://git-lfs") => ("a pointer of Git LFS, not the file", Instead::Itself),
        // Of protocol 0, a text: a module and a class.
        Some(b'c' | b'(') if has("\n") && (has("copy_reg\n") || has("__builtin__\n")) => {
            ("a pickle file, which is code and never loaded", Instead::Saved(format))
        }
        // An ONNX file begins with its version of the format and its producer.
        Some(8) => ("an ONNX model", Instead::As(Format::Onnx)),
        // Without its mark, the old format names its booster behind a few numbers.
        _ if memmem::find(&text[..text.len().min(512)], b"gbtree").is_some()
            || memmem::find(&text[..text.len().min(512)], b"gblinear").is_some() =>
        {
            ("of XGBoost's old binary format", Instead::Saved(Format::Xgboost))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &[u8], format: Format) -> String {
        name(file, format).map_or(String::new(), |defect| defect.to_string())
    }

    #[test]
    fn what_is_no_model_is_named_with_the_call_that_saves_one() {
        let json = "save the model with model.save_model(\"m.json\")";
        let cases: [(&[u8], &str, &str); 30] = [
            (b"\x80\x04\x95\x0a\0", "a pickle (or joblib) file", json),
            (b"\x80\x02c", "a pickle", json),
            (b"ccopy_reg\n_reconstructor\np0\n(", "a pickle file", json),
            (b"\x1f\x8b\x08", "packed with gzip", json),
            (b"x^\xedY", "packed with zlib", json),
            (b"BZh31AY", "packed with bzip2", json),
            (b"]\0\0@\0\xff", "packed with xz", json),
            (b"binf\0\0\0?\x03\0\0\0", "old binary format", json),
            (b"\0\0\0?\x03\0\0\0\x06\0\0\0gbtree", "old binary format", json),
            (b"[\n  { \"nodeid\": 0, \"leaf\": 1.5 }\n]", "dump_model", json),
            (b"booster[0]:\n0:[f0<1] yes=1", "dump_model", json),
            (b"PK\x03\x04..archive/data.pkl", "a PyTorch file", "ONNX"),
            (b"PK\x03\x04..config.json", "a Keras file", "ONNX"),
            (b"PK\x03\x04..model.json", "a zip", "the model's own file"),
            (b"\x89HDF\r\n\x1a\n", "HDF5", "ONNX"),
            (b"CBM1\0", "a CatBoost model", "format=\"onnx\""),
            (b"{\"features_info\": {}", "a CatBoost model", "format=\"onnx\""),
            (b"<?xml version=\"1.0\"?>\n<PMML ", "PMML", "ONNX"),
            (b"\n<!DOCTYPE html><html>", "a web page", "the model's own file"),
            (b"\x08\x04\x12\x8e\x02\x0a\x10", "a Core ML model", "ONNX"),
            (b"\x1c\0\0\0TFL3", "TensorFlow Lite", "ONNX"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "Git LFS",
                "the model's own file",
            ),
            (b"\x93NUMPY", "numpy", json),
            (b"tree\nversion=v4\n", "a LightGBM model", "--format lightgbm"),
            (
                b"{\"name\": \"tree\", \"num_tree_per_iteration\": 1",
                "LightGBM's dump_model",
                "booster_.save_model(\"m.txt\")",
            ),
            (b"\x08\x08\x12\x08skl2onnx", "an ONNX model", "--format onnx"),
            (b" \n", "empty", "the model's own file"),
            (b"\x08\x01\x12\xb4\x12", "a TensorFlow SavedModel", "ONNX"),
            (b"PK\x03\x04..model.weights.h5", "a Keras file", "ONNX"),
            (
                b"\xef\xbb\xbf{\"learner\": {}}",
                "behind a byte order mark",
                "as the library saved it",
            ),
        ];
        for (file, what, advice) in cases {
            let told = named(file, Format::Xgboost);
            assert!(
                told.starts_with("the file is ") && told.contains(what) && told.contains(advice),
                "{what}: {told}"
            );
        }
        assert!(named(b"{\"learner\":{}}", Format::Lightgbm).contains("--format xgboost"));
        assert!(named(b"\x80\x04", Format::Lightgbm).contains("booster_.save_model"));
        assert!(named(b"\x80\x04", Format::Onnx).contains("to_onnx"));
        assert!(named(b"\xef\xbb\xbftree\nversion=v4\n", Format::Lightgbm).contains("behind a byte order mark"));
        assert!(named(b"\xef\xbb\xbftree\nversion=v4\n", Format::Xgboost).contains("--format lightgbm"));
    }

    #[test]
    fn a_damaged_model_of_its_own_format_is_not_renamed() {
        for (file, format) in [
            (&b"{\"learner\":{"[..], Format::Xgboost),
            (b"{L\0\0\0\0\0\0\0\x07learner{L", Format::Xgboost),
            (b"tree\nversion=v4\n", Format::Lightgbm),
            (b"\x08\x08", Format::Onnx),
            (b"{\"features\":[],\"coefficients\":[]}", Format::Linear),
            (b"{\"format_version\":1}", Format::Pipeline),
            (b"\xff\xff", Format::Xgboost),
        ] {
            assert_eq!(named(file, format), "");
        }
    }
}
