//! Hints for words that are not known.

/// Less alike than this, a known word is no help.
const ALIKE: f64 = 0.7;

/// How alike words are that differ by one letter, or by two that changed places.
const ONE_SLIP: f64 = 0.8;
/// Shorter words are each other's neighbours by chance.
const SHORTEST: usize = 3;

/// The known word that is most like this one, if one is like it at all.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let score = |known: &str| {
        let known = known.to_lowercase();
        // In short words one slip leaves too little for the measure of likeness.
        let is_one_slip =
            known.chars().count().min(word.chars().count()) >= SHORTEST && strsim::osa_distance(&word, &known) <= 1;
        strsim::jaro_winkler(&word, &known).max(if is_one_slip { ONE_SLIP } else { 0.0 })
    };
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

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_understood_in_short_words_too() {
        let known = ["aws", "apm", "nginx", "system"];
        for (word, expected) in [
            ("amp", Some("apm")),
            ("APM", Some("apm")),
            ("apn", Some("apm")),
            ("aw", Some("aws")),
            ("ngnix", Some("nginx")),
            ("sytem", Some("system")),
            ("xyz", None),
            ("z", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
