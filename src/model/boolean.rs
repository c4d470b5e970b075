//! The words for true and false, as pandas, R, JSON and databases write them into a CSV.

const WORDS: [(&str, bool); 10] = [
    ("True", true),
    ("False", false),
    ("true", true),
    ("false", false),
    ("TRUE", true),
    ("FALSE", false),
    ("t", true),
    ("f", false),
    ("T", true),
    ("F", false),
];

/// The truth that a text is a word for; not that of a number.
pub fn word(text: &[u8]) -> Option<bool> {
    let found = WORDS.iter().find(|(word, _)| word.as_bytes() == text);
    found.map(|(_, truth)| *truth)
}

/// All words for one of both.
pub fn words(of: bool) -> impl Iterator<Item = &'static str> {
    WORDS
        .iter()
        .filter(move |(_, truth)| *truth == of)
        .map(|(word, _)| *word)
}
