//! The request of a Kibana for a package, as a query and as a request target.

use crate::answers::search::Query;
use crate::config::routing::of_kibana;
use crate::dialect::version::Version;
use crate::package::Spec;
use std::fmt::Write;

/// The query by which a Kibana finds the latest version of a package that it may install.
pub fn query_of_kibana(package: &str, kibana: &Version, prerelease: bool, capabilities: Option<Vec<String>>) -> Query {
    let client = of_kibana(kibana.numbers());
    Query {
        kibana: Some(kibana.clone()),
        package: Some(package.to_owned()),
        spec_min: client.spec_min,
        spec_max: client.spec_max,
        capabilities,
        experimental: client.experimental,
        prerelease: prerelease && !client.experimental,
        ..Query::default()
    }
}

/// The request target of a query, with the parameters in Kibana's order.
pub fn question(query: &Query) -> String {
    let spec = |spec: &Spec| format!("{}.{}", spec.major, spec.minor);
    let prerelease = format!("prerelease={}", query.prerelease);
    let mode = if query.experimental { "experimental=true" } else { &prerelease };
    let mut text = format!("/search?package={}&{mode}", query.package.as_deref().unwrap_or_default());
    let constraints = [
        ("kibana.version", query.kibana.as_ref().map(ToString::to_string)),
        ("capabilities", query.capabilities.as_ref().map(|words| words.join("%2C"))),
        ("spec.min", query.spec_min.as_ref().map(spec)),
        ("spec.max", query.spec_max.as_ref().map(spec)),
    ];
    for (key, value) in constraints {
        if let Some(value) = value.filter(|_| !query.experimental || key == "kibana.version") {
            // Writing to a text cannot fail.
            let _ = write!(text, "&{key}={value}");
        }
    }
    text
}
