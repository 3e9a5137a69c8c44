//! Patterns of names.

use serde::Serialize;

/// A pattern of names, in which `*` stands for any characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Glob(pub String);

impl Glob {
    /// Returns true if the whole name is like the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut place) = (0, 0);
        // Where the last `*` stands, and how much of the name it has taken.
        let mut star: Option<(usize, usize)> = None;
        while place < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, place));
                    at += 1;
                }
                Some(&byte) if byte == b'?' || byte == name[place] => {
                    at += 1;
                    place += 1;
                }
                _ => {
                    let Some((before, taken)) = star else { return false };
                    star = Some((before, taken + 1));
                    (at, place) = (before + 1, taken + 1);
                }
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }

    /// Returns true if it is a name and no pattern.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_stand_for_whole_names() {
        for (pattern, name, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx_ingress", false),
            ("ti_*", "ti_abusech", true),
            ("ti_*", "anti_x", false),
            ("*_otel", "nginx_otel", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a?c", "abc", true),
            ("**", "x", true),
            ("nginx", "nginx_otel", false),
            ("ti_*", "ti_", true),
            ("*_otel", "nginx_otel_input", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "axbxxc", true),
            ("a*b*c", "acb", false),
            ("a*ab", "aab", true),
            ("a*ab", "ab", false),
            ("aa*aa", "aaa", false),
            ("a*bc*bc", "abcbc", true),
            ("a*bc*bc", "abc", false),
        ] {
            assert_eq!(Glob(pattern.to_owned()).matches(name), expected, "{pattern} {name}");
        }
    }
}
