//! Cuts a JSON array into the texts of its elements, without believing anything about them.
//!
//! A listing may be large, and each of its elements is judged alone. So this follows brackets and strings only, holds one
//! element at a time, and bounds bytes and elements before anything is kept.

use std::io::{self, Read};

/// Bounds on a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Bytes of the whole text, decoded.
    pub(super) bytes: u64,
    /// Elements.
    pub(super) elements: usize,
    /// Bytes of one element.
    pub(super) element_bytes: usize,
}

/// The bounds for listings of registries: the largest known one has some 40 MB in 12,000 elements.
pub(super) const BOUNDS: Bounds = Bounds { bytes: 256 << 20, elements: 200_000, element_bytes: 1 << 20 };

/// Why a text is not an array of elements within bounds.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanError {
    /// It begins with something else.
    #[error("it is not a JSON array: it begins with `{0}`")]
    NotAnArray(String),
    /// It ends before the array does.
    #[error("it ends in the middle, after {0} elements")]
    CutOff(usize),
    /// Something stands where a comma or the end should.
    #[error("it is not JSON after {0} elements")]
    NotJson(usize),
    /// Something follows the array.
    #[error("something follows the array")]
    Follows,
    /// One of the bounds.
    #[error("it has more than {0}")]
    TooLarge(String),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Characters of a text that are shown.
const SHOWN: usize = 20;

/// Calls `element` with the text of each element. Blanks around elements are dropped; whether the text is JSON is for the
/// caller to find out.
pub(super) fn elements(
    text: impl Read,
    bounds: &Bounds,
    mut element: impl FnMut(&[u8]) -> Result<(), ScanError>,
) -> Result<usize, ScanError> {
    let mut bytes = Bytes::new(text, bounds.bytes);
    match bytes.next_solid()? {
        Some(b'[') => {}
        first => return Err(ScanError::NotAnArray(bytes.beginning(first)?)),
    }
    let (mut count, mut current) = (0, Vec::new());
    let mut next = bytes.next_solid()?.ok_or(ScanError::CutOff(0))?;
    if next != b']' {
        loop {
            if count == bounds.elements {
                return Err(ScanError::TooLarge(format!("{} elements", bounds.elements)));
            }
            current.clear();
            next = one(&mut bytes, next, &mut current, bounds, count)?;
            element(current.trim_ascii_end())?;
            count += 1;
            match next {
                b',' => next = bytes.next_solid()?.ok_or(ScanError::CutOff(count))?,
                b']' => break,
                _ => return Err(ScanError::NotJson(count)),
            }
        }
    }
    match bytes.next_solid()? {
        None => Ok(count),
        Some(_) => Err(ScanError::Follows),
    }
}

/// Takes one element, and returns the comma or bracket after it.
fn one(
    bytes: &mut Bytes<impl Read>,
    first: u8,
    current: &mut Vec<u8>,
    bounds: &Bounds,
    count: usize,
) -> Result<u8, ScanError> {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut byte = first;
    loop {
        if in_text {
            (in_text, is_escaped) = (is_escaped || byte != b'"', !is_escaped && byte == b'\\');
        } else {
            match byte {
                b'"' => in_text = true,
                b'[' | b'{' => depth += 1,
                b',' | b']' if depth == 0 => break,
                b']' | b'}' => depth = depth.checked_sub(1).ok_or(ScanError::NotJson(count))?,
                _ => {}
            }
        }
        if current.len() == bounds.element_bytes {
            return Err(ScanError::TooLarge(format!("{} bytes in element {}", bounds.element_bytes, count + 1)));
        }
        current.push(byte);
        byte = bytes.next()?.ok_or(ScanError::CutOff(count))?;
    }
    if current.is_empty() { Err(ScanError::NotJson(count)) } else { Ok(byte) }
}

/// The bytes of a reader, one by one, up to a bound.
struct Bytes<R> {
    reader: R,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    left: u64,
    most: u64,
}

impl<R: Read> Bytes<R> {
    fn new(reader: R, most: u64) -> Self {
        Self { reader, buffer: vec![0; 1 << 16].into(), at: 0, end: 0, left: most, most }
    }

    fn next(&mut self) -> Result<Option<u8>, ScanError> {
        if self.at == self.end && !self.fill()? {
            return Ok(None);
        }
        let byte = self.buffer[self.at];
        self.at += 1;
        Ok(Some(byte))
    }

    fn fill(&mut self) -> Result<bool, ScanError> {
        self.at = 0;
        self.end = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.left = self
            .left
            .checked_sub(self.end as u64)
            .ok_or_else(|| ScanError::TooLarge(format!("{} bytes", self.most)))?;
        Ok(self.end > 0)
    }

    /// The next byte that is no blank.
    fn next_solid(&mut self) -> Result<Option<u8>, ScanError> {
        loop {
            match self.next()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                byte => return Ok(byte),
            }
        }
    }

    /// How a text begins, for messages.
    fn beginning(&mut self, first: Option<u8>) -> Result<String, ScanError> {
        let mut text: Vec<u8> = first.into_iter().collect();
        while text.len() < SHOWN {
            let Some(byte) = self.next()? else { break };
            text.push(byte);
        }
        Ok(crate::base::shown::printable(&String::from_utf8_lossy(&text), SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str, bounds: &Bounds) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let keep = |element: &[u8]| {
            found.push(String::from_utf8_lossy(element).into_owned());
            Ok(())
        };
        elements(text.as_bytes(), bounds, keep).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn arrays_are_cut_and_anything_else_is_said() {
        let cases: &[(&str, Result<&[&str], &str>)] = &[
            ("[]", Ok(&[])),
            (" [ ] \n", Ok(&[])),
            ("[1, {\"a\": [2, \"]\"]} ,\"x,\\\"]\"]", Ok(&["1", "{\"a\": [2, \"]\"]}", "\"x,\\\"]\""])),
            ("[\"\\\\\",2]", Ok(&["\"\\\\\"", "2"])),
            // Not JSON, but that is for whoever reads the element.
            ("[{a}, nope]", Ok(&["{a}", "nope"])),
            ("", Err("it is not a JSON array: it begins with ``")),
            ("null", Err("it is not a JSON array: it begins with `null`")),
            ("{\"a\": []}", Err("it is not a JSON array: it begins with `{\"a\": []}`")),
            ("<!DOCTYPE html><html><body>", Err("it is not a JSON array: it begins with `<!DOCTYPE html><html`")),
            ("[", Err("it ends in the middle, after 0 elements")),
            ("[{\"a\":1},{\"b\"", Err("it ends in the middle, after 1 elements")),
            ("[{}", Err("it ends in the middle, after 0 elements")),
            ("[1,]", Err("it is not JSON after 1 elements")),
            ("[,1]", Err("it is not JSON after 0 elements")),
            ("[}]", Err("it is not JSON after 0 elements")),
            ("[1] 2", Err("something follows the array")),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(cut(text, &BOUNDS), expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn bounds_hold() {
        let bounds = Bounds { bytes: 40, elements: 3, element_bytes: 10 };
        assert_eq!(cut("[1,2,3]", &bounds).unwrap().len(), 3);
        assert_eq!(cut("[1,2,3,4]", &bounds).unwrap_err(), "it has more than 3 elements");
        assert_eq!(cut("[\"12345678\"]", &bounds).unwrap().len(), 1);
        assert_eq!(cut("[\"123456789\"]", &bounds).unwrap_err(), "it has more than 10 bytes in element 1");
        assert_eq!(cut(&" ".repeat(41), &bounds).unwrap_err(), "it has more than 40 bytes");
        // Depth costs nothing.
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(cut(&deep, &BOUNDS).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn whatever_is_json_is_cut_as_json(values in prop::collection::vec("[ -~]{0,12}", 0..8)) {
            let text = serde_json::to_string_pretty(&values).unwrap();
            let found: Vec<String> =
                cut(&text, &BOUNDS).unwrap().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, values);
        }
    }
}
