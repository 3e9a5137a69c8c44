//! Manifests for Kubernetes: the image of a generation behind a service. The image routes by itself.

use super::shared::options::HostOptions;
use super::shared::templates::{self, Template};
use crate::answers::route::model::Routes;
use anyhow::Result;
use minijinja::context;

/// Templates by the name of the file they make.
const TEMPLATES: [Template; 3] = [
    ("README.md", include_str!("../../templates/kubernetes/README.md")),
    ("package-registry.yaml", include_str!("../../templates/kubernetes/package-registry.yaml")),
    ("registry.yaml", include_str!("../../templates/kubernetes/registry.yaml")),
];

/// Letters of a name that leave room for a prefix: labels and names of services end at 63.
const LONGEST_NAME: usize = 50;

/// Makes the files of the folder `hosts/kubernetes`.
///
/// # Errors
/// Only when a template is broken.
pub fn render(_: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let values = context! {
        distribution => options.distribution.as_str(),
        generation => options.generation_id.as_str(),
        fallback => !options.fallback.is_off(),
        name => name(&options.distribution),
        prefix => options.plain_prefix()?,
    };
    templates::render_all("kubernetes", &TEMPLATES, &values)
}

/// A distribution as a name of Kubernetes: lower-case letters, digits and dashes, neither first nor last a dash.
fn name(distribution: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let mut name: String = distribution.chars().map(plain).take(LONGEST_NAME).collect();
    name.truncate(name.trim_end_matches('-').len());
    let name = name.trim_start_matches('-');
    if name.is_empty() { "registry".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_ask_below_the_prefix() {
        for prefix in ["", "/epr/staging"] {
            let options = HostOptions { prefix: prefix.to_owned(), ..HostOptions::default() };
            let files = render(&Routes::default(), &options).unwrap();
            let paths: Vec<_> = files[2].1.lines().filter_map(|line| line.trim().strip_prefix("path: ")).collect();
            assert_eq!(paths, [format!("{prefix}/"), format!("{prefix}/"), format!("{prefix}/health")]);
            assert!(files[0].1.contains(&format!(".svc:8080{prefix}\"")), "{}", files[0].1);
        }
    }

    #[test]
    fn names_are_those_of_services() {
        for (distribution, expected) in [
            ("staging", "staging"),
            ("Our_8.5", "our-8-5"),
            ("-a-", "a"),
            ("ü", "registry"),
            (&"a".repeat(80), &"a".repeat(50)),
        ] {
            assert_eq!(name(distribution), expected);
        }
    }
}
