//! A unit for systemd that runs the built-in server. Routing is the server's own business.

use super::HostOptions;
use crate::answers::route::model::Routes;
use anyhow::{Context, Result};
use minijinja::{Environment, context};

/// Templates by the name of the file they make.
const TEMPLATES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../templates/systemd/README.md")),
    ("epr-build@.service", include_str!("../../templates/systemd/epr-build@.service")),
];

/// Makes the files of the folder `hosts/systemd`.
///
/// # Errors
/// Only when a template is broken.
pub fn render(_: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let values = context! { distribution => options.distribution.as_str(), listen => options.listen.as_str() };
    let environment = Environment::new();
    let file = |(name, template): (&str, &str)| {
        let text = environment.render_str(template, &values).with_context(|| format!("systemd template {name}"))?;
        Ok((name.to_owned(), text + "\n"))
    };
    TEMPLATES.into_iter().map(file).collect()
}
