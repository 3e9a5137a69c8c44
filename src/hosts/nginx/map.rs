//! A generated map of nginx, and the names of variables that are a distribution's own.

use std::borrow::Cow;

/// A generated map of nginx.
pub(super) struct Map {
    /// The text that is looked up, quoted if need be.
    source: String,
    /// The variable it defines, without the dollar sign.
    pub(super) name: String,
    /// The lines as they are written.
    pub(super) text: String,
    /// Number of lines.
    pub(super) rows: usize,
    /// Bytes of the longest key.
    pub(super) longest: usize,
}

impl Map {
    /// A map of rows, each without semicolon. There may be hundreds of thousands: only their text is kept.
    pub(super) fn new(source: &str, name: &str, rows: impl IntoIterator<Item = String>) -> Self {
        let (source, name) = (source.to_owned(), name.to_owned());
        let mut map = Self { source, name, text: String::new(), rows: 0, longest: 0 };
        for row in rows {
            map.rows += 1;
            map.longest = map.longest.max(row.split(' ').next().map_or(0, str::len));
            map.text.extend(["  ", &row, ";\n"]);
        }
        map.text.shrink_to_fit();
        map
    }

    /// Bytes of the fullest bucket when nginx spreads the rows over so many.
    ///
    /// nginx tries several numbers of buckets and warns when in each of them some bucket is too full; the last one that it
    /// tries is the limit, so one that fits there is enough.
    pub(super) fn fullest(&self, buckets: usize) -> usize {
        let mut bytes = vec![0; if self.rows == 0 { 0 } else { buckets }];
        for row in self.text.lines().map(str::trim_start) {
            let key = row.split(' ').next().unwrap_or_default().trim_matches('"');
            if key.starts_with('~') || key == "default" {
                continue;
            }
            let hash = |hash: u64, byte: u8| hash.wrapping_mul(31).wrapping_add(byte.to_ascii_lowercase().into());
            let bucket: usize = (key.bytes().fold(0, hash) % buckets as u64) as usize;
            bytes[bucket] += 8 + (key.len() + 2).next_multiple_of(8);
        }
        bytes.into_iter().max().unwrap_or_default()
    }

    /// Adds the map to a configuration, for the distribution of this slug.
    pub(super) fn render(&self, slug: &str, out: &mut String) {
        let name = format!("${}", self.name);
        let [source, name, text] = [&self.source, &name, &self.text].map(|text| with_own_names(text, slug));
        out.extend(["map ", &source, " ", &name, " {\n", &text, "}\n"]);
    }
}

/// Gives variables and named locations names of their own for each distribution, so that the rules of several can be
/// included in one server. What patterns capture (`eprc_...`) is shared: it follows from the request alone, and the length
/// of such names is limited.
pub(super) fn with_own_names<'a>(text: &'a str, slug: &str) -> Cow<'a, str> {
    // Neither sign is ever part of data.
    if !text.contains("$epr_") && !text.contains("@epr_") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("$epr_", &format!("$epr_{slug}_")).replace("@epr_", &format!("@epr_{slug}_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    // 0 is 48: with 48 buckets it falls into the first one, as `00` (48 * 31 + 48) does.
    #[test]
    fn rows_share_buckets_as_in_nginx() {
        let rows = ["default a", "0 b", "\"00\" c", "1 d", "\"~^0\" e"].map(str::to_owned);
        let map = Map::new("$a", "b", rows);
        assert_eq!(map.fullest(48), 32);
        assert_eq!(map.fullest(47), 16);
        assert_eq!(Map::new("$a", "b", []).fullest(48), 0);
    }
}
