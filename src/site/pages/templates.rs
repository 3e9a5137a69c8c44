//! The templates of the pages and the few filters they use. Everything that is put into them is escaped.

use super::assets;
use crate::base::digest::{Digest, Hasher};
use crate::base::{headers, progress};
use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value};
use serde_json::Value as Json;

/// Names and texts; what ends in `.html` or `.xml` is escaped as such.
const TEMPLATES: [(&str, &str); 10] = [
    ("base.html", include_str!("../../../templates/ui/base.html")),
    ("compare.html", include_str!("../../../templates/ui/compare.html")),
    ("distribution.html", include_str!("../../../templates/ui/distribution.html")),
    ("document.html", include_str!("../../../templates/ui/document.html")),
    ("feed.xml", include_str!("../../../templates/ui/feed.xml")),
    ("fields.html", include_str!("../../../templates/ui/fields.html")),
    ("matrix.html", include_str!("../../../templates/ui/matrix.html")),
    ("overview.html", include_str!("../../../templates/ui/overview.html")),
    ("package.html", include_str!("../../../templates/ui/package.html")),
    ("parts.html", include_str!("../../../templates/ui/parts.html")),
];

/// Templates, ready to be rendered.
pub(super) struct Templates {
    environment: Environment<'static>,
    digest: Digest,
}

impl Templates {
    /// Reads all templates.
    ///
    /// # Errors
    /// When one is broken.
    pub(super) fn new() -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        // What is percent-encoded needs no other escaping.
        environment.add_filter("url", |path: &str| Value::from_safe_string(url(path)));
        // In a query a plus is a blank.
        environment.add_filter("query", |word: &str| Value::from_safe_string(url(word).replace('+', "%2B")));
        environment.add_filter("bytes", progress::bytes);
        environment.add_filter("count", |count: u64, one: &str, many: &str| {
            format!("{} {}", grouped(count), if count == 1 { one } else { many })
        });
        let mut hasher = Hasher::default();
        hasher.update(assets::digest().bytes());
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).with_context(|| format!("page template {name}"))?;
            hasher.text(name);
            hasher.text(text);
        }
        Ok(Self { environment, digest: hasher.finish() })
    }

    /// A digest of all templates and assets: what was made with others must be made anew.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Renders a page that lies `depth` folders below `/ui/`; the values are an object.
    ///
    /// # Errors
    /// When the template asks for something that is not there.
    pub(super) fn render(&self, name: &str, depth: usize, values: &Json) -> Result<String> {
        let root = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
        let frame = [
            // From the page to `/ui/`, and to the root of the registry: addresses are relative, so that a prefix is kept.
            ("root", root),
            ("registry", "../".repeat(depth + 1)),
            ("assets", assets::folder()),
            // Browsers take this one from a header only.
            ("policy", headers::POLICY.replace("; frame-ancestors 'none'", "")),
        ];
        let own = values.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value_of(value)));
        let values =
            Value::from_pairs(own.chain(frame.into_iter().map(|(name, text)| (name, Value::from_safe_string(text)))));
        let template = self.environment.get_template(name).with_context(|| format!("page template {name}"))?;
        template.render(values).with_context(|| format!("page template {name}"))
    }
}

/// A value for templates.
fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number),
            (_, Some(number)) => Value::from(number),
            _ => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value_of).collect::<Vec<_>>().into(),
        Json::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, value)| (name.as_str(), value_of(value))))
        }
    }
}

/// A path as it stands in an address: whatever could end the path, or make it something else, is escaped.
pub(super) fn url(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-+~,=@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

/// A number with thin groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
