//! Units for systemd that run the built-in server: for clients, and as the fallback of a web server. The server routes by
//! itself.

use super::shared::options::HostOptions;
use super::shared::templates::{self, Template};
use super::shared::texts::fallback_values;
use crate::answers::route::model::Routes;
use crate::config::fallback::Fallback;
use anyhow::Result;
use minijinja::context;

/// Templates by the name of the file they make.
const TEMPLATES: [Template; 2] = [
    ("README.md", include_str!("../../templates/systemd/README.md")),
    ("epr-build@.service", include_str!("../../templates/systemd/epr-build@.service")),
];
const FALLBACK: Template =
    ("epr-build-fallback.service", include_str!("../../templates/systemd/epr-build-fallback.service"));

/// Makes the files of the folder `hosts/systemd`.
///
/// # Errors
/// Only when a template is broken.
pub fn render(_: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let values = context! {
        distribution => options.distribution.as_str(),
        listen => options.listen.as_str(),
        fallback => fallback_values(&options.fallback),
        runtime_folder => runtime_folder(&options.fallback),
    };
    let mut files = templates::render_all("systemd", &TEMPLATES, &values)?;
    if !options.fallback.is_off() {
        files.push((FALLBACK.0.to_owned(), templates::render("systemd", FALLBACK, &values)?));
    }
    Ok(files)
}

/// The folder of the socket, if systemd can make it: one directly below `/run`.
fn runtime_folder(fallback: &Fallback) -> Option<&str> {
    let Fallback::Socket(path) = fallback else { return None };
    let (folder, name) = path.strip_prefix("/run/")?.split_once('/')?;
    (!name.contains('/')).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_fallback_has_a_unit_of_its_own() {
        for (fallback, listen, folder) in [
            (
                "unix:/run/epr-build/a.sock",
                "--listen unix:/run/epr-build/a.sock ",
                Some("RuntimeDirectory=epr-build\n"),
            ),
            ("unix:/run/a.sock", "--listen unix:/run/a.sock ", None),
            ("unix:/srv/x/a.sock", "--listen unix:/srv/x/a.sock ", None),
            ("http://127.0.0.1:8090", "--listen 127.0.0.1:8090 ", None),
        ] {
            let options = HostOptions { fallback: fallback.parse().unwrap(), ..HostOptions::default() };
            let files: BTreeMap<_, _> = render(&Routes::default(), &options).unwrap().into_iter().collect();
            let unit = &files["epr-build-fallback.service"];
            assert!(unit.contains(listen), "{unit}");
            assert_eq!(unit.contains("RuntimeDirectory="), folder.is_some(), "{unit}");
            assert!(folder.is_none_or(|line| unit.contains(line)), "{unit}");
        }
        assert_eq!(render(&Routes::default(), &HostOptions::default()).unwrap().len(), TEMPLATES.len());
    }
}
