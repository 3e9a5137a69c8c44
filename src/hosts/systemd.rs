//! A unit for systemd that runs the built-in server. The server routes by itself.

use super::shared::options::HostOptions;
use super::shared::templates::{self, Template};
use crate::answers::route::model::Routes;
use anyhow::Result;
use minijinja::context;

/// Templates by the name of the file they make.
const TEMPLATES: [Template; 2] = [
    ("README.md", include_str!("../../templates/systemd/README.md")),
    ("epr-build@.service", include_str!("../../templates/systemd/epr-build@.service")),
];

/// Makes the files of the folder `hosts/systemd`.
///
/// # Errors
/// Only when a template is broken.
pub fn render(_: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let values = context! { distribution => options.distribution.as_str(), listen => options.listen.as_str() };
    templates::render_all("systemd", &TEMPLATES, &values)
}
