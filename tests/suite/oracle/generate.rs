//! Queries by chance: whatever clients send, whatever nobody should, and everything between, in any spelling.

use super::catalog::Catalog;
use super::words::{BOOLEANS, NAMES, NO_BOOLEANS, NO_BOUNDS, NO_VERSIONS, STRANGERS, SUFFIXES};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Makes requests about a catalog.
pub(super) struct Wild {
    rng: Rng,
    names: Vec<String>,
    kinds: Vec<String>,
    categories: Vec<String>,
    capabilities: Vec<String>,
    fields: Vec<Vec<String>>,
    datasets: Vec<String>,
    /// Numbers of versions that constraints name.
    boundaries: Vec<[u64; 3]>,
    formats: Vec<(u64, u64)>,
}

impl Wild {
    pub(super) fn new(catalog: &Catalog, seed: u64) -> Self {
        let packages = &catalog.packages;
        let unique = |values: Vec<&String>| Vec::from_iter(values.into_iter().cloned().collect::<BTreeSet<_>>());
        let constraints = packages.iter().flat_map(|package| [&package.kibana, &package.agent]).flatten();
        let boundaries: BTreeSet<_> = constraints.flat_map(|constraint| numbers(constraint.as_str())).collect();
        let own = packages.iter().flat_map(|package| package.templates.iter().flatten().flatten());
        let listed = packages.iter().flat_map(|package| &package.categories).chain(own);
        let formats: BTreeSet<_> =
            packages.iter().map(|package| (package.format.major, package.format.minor)).collect();
        Self {
            rng: Rng::with_seed(seed),
            names: unique(packages.iter().map(|package| &package.name).collect()),
            kinds: unique(packages.iter().map(|package| &package.kind).collect()),
            categories: unique(listed.chain(catalog.table.iter().map(|row| &row.id)).collect()),
            capabilities: unique(packages.iter().flat_map(|package| &package.capabilities).collect()),
            fields: packages.iter().map(|package| package.fields.clone()).filter(|list| !list.is_empty()).collect(),
            datasets: unique(packages.iter().flat_map(|package| &package.datasets).collect()),
            boundaries: boundaries.into_iter().chain([[8, 11, 0], [9, 0, 0], [0, 0, 0]]).collect(),
            formats: formats.into_iter().collect(),
        }
    }

    /// A request target.
    pub(super) fn target(&mut self) -> String {
        let path = if self.chance(30) { "/categories" } else { "/search" };
        let mut pairs = Vec::new();
        // Mostly what clients send, in their order; else anything.
        let is_tame = self.chance(35);
        let mut names = self.parameters(is_tame);
        if !is_tame {
            self.rng.shuffle(&mut names);
        }
        for name in names {
            pairs.push(self.pair(&name, is_tame));
            if !is_tame && self.chance(6) {
                pairs.push(self.pair(&name, false));
            }
        }
        if !is_tame && self.chance(15) {
            let stranger = (*self.pick(&STRANGERS)).to_owned();
            let pair = self.pair(&stranger, false);
            let place = self.rng.usize(..=pairs.len());
            pairs.insert(place, pair);
        }
        if !is_tame && self.chance(6) {
            self.wreck(&mut pairs);
        }
        let mut query = pairs.join("&");
        if !is_tame && self.chance(5) {
            query = format!("&{query}&&");
        }
        if query.is_empty() && self.chance(80) { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Which parameters a request has.
    fn parameters(&mut self, is_tame: bool) -> Vec<String> {
        let odds: &[(&str, usize)] = if is_tame {
            &[
                ("package", 15),
                ("type", 10),
                ("category", 15),
                ("all", 10),
                ("prerelease", 50),
                ("experimental", 8),
                ("kibana.version", 85),
                ("capabilities", 30),
                ("spec.min", 40),
                ("spec.max", 50),
                ("include_policy_templates", 15),
                ("discovery", 5),
            ]
        } else {
            let dense = if self.chance(10) { 80 } else { 25 };
            let mut names: Vec<_> =
                NAMES.iter().filter(|_| self.rng.usize(..100) < dense).map(|name| (*name).to_owned()).collect();
            if self.chance(12) {
                names.push("discovery".to_owned());
            }
            return names;
        };
        let mut names = Vec::new();
        for (name, odds) in odds {
            if self.chance(*odds) {
                names.push((*name).to_owned());
            }
        }
        names
    }

    fn pair(&mut self, name: &str, is_tame: bool) -> String {
        let value = match self.rng.usize(..100) {
            _ if is_tame => self.right_value(name),
            0..3 => String::new(),
            3..7 => self.odd_value(name),
            7 => self.long_value(),
            _ => self.right_value(name),
        };
        if is_tame {
            return format!("{name}={}", spelled(&value, |byte| !is_free(byte), true));
        }
        let name = if self.chance(8) { self.respelled(name) } else { spelled(name, |byte| !is_free(byte), false) };
        let value = match self.rng.usize(..10) {
            0 | 1 => self.respelled(&value),
            2 => spelled(&value, |_| true, false),
            _ => spelled(&value, |byte| !is_free(byte), false),
        };
        // A name alone has an empty value.
        if value.is_empty() && self.chance(50) { name } else { format!("{name}={value}") }
    }

    /// A value of the kind that the parameter takes.
    fn right_value(&mut self, name: &str) -> String {
        match name {
            "kibana.version" | "agent.version" => self.version(),
            "spec.min" | "spec.max" => self.bound(name == "spec.min"),
            "capabilities" => self.capability_list(),
            "package" => {
                let mut name = self.pick_owned(|wild| &wild.names);
                match self.rng.usize(..20) {
                    0 => drop(name.pop()),
                    1 => name.make_ascii_uppercase(),
                    2 => name.push_str("_unknown"),
                    _ => {}
                }
                name
            }
            "category" => {
                if self.chance(5) {
                    "bogus".to_owned()
                } else {
                    self.pick_owned(|wild| &wild.categories)
                }
            }
            "type" if self.chance(10) => (*self.pick(&["solution", "Input", "inputs"])).to_owned(),
            "type" => self.pick_owned(|wild| &wild.kinds),
            "discovery" => self.discovery(),
            _ if self.chance(70) => (*self.pick(&BOOLEANS[..6])).to_owned(),
            _ => (*self.pick(&BOOLEANS)).to_owned(),
        }
    }

    /// A value that is wrong, or looks so.
    fn odd_value(&mut self, name: &str) -> String {
        match name {
            "kibana.version" | "agent.version" => (*self.pick(&NO_VERSIONS)).to_owned(),
            "spec.min" | "spec.max" => (*self.pick(&NO_BOUNDS)).to_owned(),
            "discovery" => {
                let odd = [
                    "",
                    "fields",
                    "datasets",
                    "foo:bar",
                    "Fields:a",
                    " fields:a",
                    ":",
                    ":a",
                    "field:a",
                    "\"",
                    "a\\b",
                    "\u{e9}:x",
                ];
                (*self.pick(&odd)).to_owned()
            }
            "capabilities" => {
                (*self.pick(&[",", ",,", " ", "security,", ",security", "security, observability", "Security"]))
                    .to_owned()
            }
            "package" | "category" | "type" => {
                let odd = [
                    "..",
                    "../../etc",
                    "\0",
                    "\u{20ac}",
                    "a b",
                    "a+b",
                    "*",
                    "%",
                    "\u{fffd}",
                    "a\"b",
                    "a'b",
                    "a/b",
                    "a;b",
                    "a&b",
                    "a=b",
                ];
                (*self.pick(&odd)).to_owned()
            }
            _ => (*self.pick(&NO_BOOLEANS)).to_owned(),
        }
    }

    fn long_value(&mut self) -> String {
        let length = *self.pick(&[200, 256, 257, 600, 1500]);
        match self.rng.usize(..4) {
            0 => "a".repeat(length),
            1 => "9".repeat(length),
            2 => format!("8.1.0-{}", "a".repeat(length)),
            _ => "security,".repeat(length / 9),
        }
    }

    /// A version, mostly at or beside one that a constraint names.
    fn version(&mut self) -> String {
        let place = self.rng.usize(..self.boundaries.len());
        let [mut major, mut minor, mut patch] = self.boundaries[place];
        match self.rng.usize(..12) {
            0 => patch += 1,
            1 => patch = patch.saturating_sub(1),
            2 => minor += 1,
            3 => minor = minor.saturating_sub(1),
            4 => (minor, patch) = (minor.saturating_sub(1), 99),
            5 => major += 1,
            6 => (major, minor, patch) = (self.rng.u64(7..10), self.rng.u64(0..20), self.rng.u64(0..9)),
            _ => {}
        }
        match self.rng.usize(..40) {
            0 => return format!("{major}"),
            1 => return format!("v{major}.{minor}"),
            2 => return format!("{major}.{minor}"),
            3 => return format!("0{major}.0{minor}.00{patch}"),
            4 => return format!("v{major}.{minor}.{patch}"),
            5 => {
                return (*self.pick(&[
                    "18446744073709551615.0.0",
                    "18446744073709551616.0.0",
                    "99999999999999999999",
                    "8.99999999999999999999999.1",
                    "0000000000000000000000000008.1.0",
                    "8.1.0-99999999999999999999999",
                    "9999999999999999999.9999999999999999999.0",
                ]))
                .to_owned();
            }
            _ => {}
        }
        let suffix = if self.chance(10) { *self.pick(&SUFFIXES) } else { "" };
        format!("{major}.{minor}.{patch}{suffix}")
    }

    /// A bound of the format: lower ones mostly low, upper ones mostly high.
    fn bound(&mut self, is_lower: bool) -> String {
        let (mut place, count) = (self.rng.usize(..self.formats.len()), self.formats.len());
        if self.chance(60) {
            place = if is_lower { place / 3 } else { count - 1 - place / 3 };
        }
        let (mut major, mut minor) = self.formats[place];
        match self.rng.usize(..10) {
            0 => minor += 1,
            1 => minor = minor.saturating_sub(1),
            2 => (major, minor) = (major + 1, 0),
            _ => {}
        }
        match self.rng.usize(..40) {
            0 => format!("v{major}.{minor}"),
            1 => format!("0{major}.0{minor}"),
            2 => format!("{major}.{minor}-beta"),
            3 => format!("{major}.{minor}+build"),
            4 => "99.0".to_owned(),
            5 => "99999999999999999999.0".to_owned(),
            6 => "3.99999999999999999999".to_owned(),
            7 => "0.0".to_owned(),
            _ => format!("{major}.{minor}"),
        }
    }

    fn capability_list(&mut self) -> String {
        let known = ["security", "observability", "apm", "enterprise_search", "serverless_search", "uptime", "unknown"];
        let mut list: Vec<String> = self.capabilities.clone();
        list.extend(known.map(str::to_owned));
        self.rng.shuffle(&mut list);
        list.truncate(self.rng.usize(1..6));
        list.join(",")
    }

    fn discovery(&mut self) -> String {
        let mut list = Vec::new();
        let is_fields = self.rng.bool();
        if is_fields && !self.fields.is_empty() {
            // The fields of one package or two, and sometimes one less or more.
            for _ in 0..self.rng.usize(1..3) {
                list.extend(self.pick_owned(|wild| &wild.fields));
            }
            self.rng.shuffle(&mut list);
            if self.chance(25) {
                list.pop();
            }
        } else if !is_fields && !self.datasets.is_empty() {
            for _ in 0..self.rng.usize(1..3) {
                list.push(self.pick_owned(|wild| &wild.datasets));
            }
        }
        if self.chance(15) {
            list.push((*self.pick(&["unknown", "", " ", "a:b", "\u{e9}"])).to_owned());
        }
        format!("{}:{}", if is_fields { "fields" } else { "datasets" }, list.join(","))
    }

    /// Makes a pair one that is dropped, or nearly.
    fn wreck(&mut self, pairs: &mut [String]) {
        if pairs.is_empty() {
            return;
        }
        let place = self.rng.usize(..pairs.len());
        let pair = &mut pairs[place];
        let position = self.rng.usize(..=pair.len());
        let position = (position..=pair.len()).find(|position| pair.is_char_boundary(*position)).unwrap();
        let more = ["%", "%2", "%zz", "%G0", ";", "%3B", "%C3", "%FF", "%00", "+", "%20", "%2B", "=", "%3D", "%26"];
        pair.insert_str(position, more[self.rng.usize(..more.len())]);
    }

    /// The same text with some bytes escaped, in digits of either case.
    fn respelled(&mut self, text: &str) -> String {
        let share = self.rng.usize(1..80);
        let rng = &mut self.rng;
        let mut spelled = String::new();
        for byte in text.bytes() {
            if is_free(byte) && rng.usize(..100) >= share {
                spelled.push(char::from(byte));
            } else if byte == b' ' && rng.bool() {
                spelled.push('+');
            } else if rng.bool() {
                let _ = write!(spelled, "%{byte:02x}");
            } else {
                let _ = write!(spelled, "%{byte:02X}");
            }
        }
        spelled
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.rng.usize(..100) < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.rng.usize(..items.len())]
    }

    fn pick_owned<T: Clone>(&mut self, list: fn(&Self) -> &Vec<T>) -> T {
        let place = self.rng.usize(..list(self).len());
        list(self)[place].clone()
    }
}

/// Bytes that mean themselves in a query.
fn is_free(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$'()*,:@/?".contains(&byte)
}

/// The text with certain bytes escaped, and commas too if wanted, as Kibana does.
fn spelled(text: &str, is_escaped: impl Fn(u8) -> bool, has_commas_escaped: bool) -> String {
    let mut spelled = String::new();
    for byte in text.bytes() {
        if is_escaped(byte) || (byte == b',' && has_commas_escaped) {
            let _ = write!(spelled, "%{byte:02X}");
        } else {
            spelled.push(char::from(byte));
        }
    }
    spelled
}

/// The versions that a constraint names, missing parts being 0.
fn numbers(constraint: &str) -> Vec<[u64; 3]> {
    let words = constraint.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let number = |part: &str| part.parse().unwrap_or(0);
    let read = |word: &str| {
        let mut parts = word.split('.').map(number).chain([0, 0, 0]);
        std::array::from_fn(|_| parts.next().unwrap())
    };
    words.filter(|word| word.contains(|letter: char| letter.is_ascii_digit())).map(read).collect()
}
