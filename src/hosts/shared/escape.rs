//! Escaping of texts in patterns and names.

/// A text in which every byte of a letter that is not plain is replaced.
pub(in crate::hosts) fn escape(
    text: &str,
    is_plain: impl Fn(char) -> bool,
    replacement: impl Fn(u8) -> String,
) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if is_plain(letter) {
            escaped.push(letter);
        } else {
            escaped.extend(letter.encode_utf8(&mut [0; 4]).bytes().map(&replacement));
        }
    }
    escaped
}
