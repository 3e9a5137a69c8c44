//! Hints for words that are not known.

/// Less alike than this, a known word is no help.
const ALIKE: f64 = 0.7;

/// The known word that is most like this one, if one is like it at all.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let score = |known: &str| strsim::jaro_winkler(&word.to_lowercase(), &known.to_lowercase());
    let best =
        known.iter().map(|known| (score(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// A hint for a word that is not known.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are {}", known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ")),
    }
}
