//! From templates to files.

use anyhow::{Context, Result};
use minijinja::{Environment, Value};

/// Name of a file, and the template that makes it.
pub(in crate::hosts) type Template = (&'static str, &'static str);

/// Renders the templates of a host: name and content of each file.
///
/// # Errors
/// When a template is broken.
pub(in crate::hosts) fn render_all(
    host: &str,
    templates: &[Template],
    values: &Value,
) -> Result<Vec<(String, String)>> {
    let file = |template: &Template| Ok((template.0.to_owned(), render(host, *template, values)?));
    templates.iter().map(file).collect()
}

/// Renders one template. The text ends in a line feed, which templates drop.
///
/// # Errors
/// When the template is broken.
pub(in crate::hosts) fn render(host: &str, (name, template): Template, values: &Value) -> Result<String> {
    let text = Environment::new().render_str(template, values);
    Ok(text.with_context(|| format!("{host} template {name}"))? + "\n")
}
