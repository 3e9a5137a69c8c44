//! Texts and settings that the templates of several hosts write.

use super::options::HostOptions;
use crate::answers::route::{query, request};
use crate::base::{headers, media};
use crate::config::fallback::Fallback;
use minijinja::{Value, context};
use std::collections::BTreeMap;

/// Errors that every host sends itself: name in templates, status, text.
const ERRORS: [(&str, u16, &str); 8] = [
    ("no_route", 404, request::NO_ROUTE),
    ("no_method", 405, request::NO_METHOD),
    ("invalid_version", 400, request::INVALID_VERSION),
    ("no_resource", 404, request::NO_RESOURCE),
    ("no_revision", 404, request::NO_REVISION),
    ("no_artifact", 404, request::NO_ARTIFACT),
    ("no_signature", 404, request::NO_SIGNATURE),
    ("broken", 500, request::BROKEN),
];

/// The errors with their names and statuses.
pub(in crate::hosts) fn errors() -> Vec<Value> {
    ERRORS.map(|(name, status, text)| context! { name, status, text }).to_vec()
}

/// The texts of errors and refusals by their names.
pub(in crate::hosts) fn texts() -> Value {
    let errors: BTreeMap<_, _> = ERRORS.iter().map(|(name, _, text)| (*name, *text)).collect();
    let refusals = context! { unpublished => request::UNPUBLISHED, unread => query::UNREAD, filters => query::FILTERS };
    context! { ..Value::from(errors), ..refusals }
}

/// The options as templates see them, and the headers that are the same everywhere.
pub(in crate::hosts) fn option_values(options: &HostOptions) -> Value {
    context! {
        distribution => options.distribution.as_str(),
        generation => options.generation_id.as_str(),
        slug => options.slug(),
        listen => options.listen.as_str(),
        fallback => fallback_values(&options.fallback),
        state => options.state_of_address(),
        prefix => options.prefix.as_str(),
        debug_header => options.debug_header,
        immutable => options.notes.immutable,
        pages => options.notes.pages,
        policy => headers::POLICY,
        sandbox => headers::SANDBOX,
        text => media::TEXT,
    }
}

/// Seconds in which a fallback must take a connection, and begin its answer.
const PATIENCE: (u32, u32) = (2, 10);
/// The text of 503: the fallback does not answer.
pub(in crate::hosts) const NO_FALLBACK: &str = "this registry cannot compute the answer at the moment";

/// The fallback as templates see it: false if there is none.
pub(in crate::hosts) fn fallback_values(fallback: &Fallback) -> Value {
    let more = match fallback {
        Fallback::Off => return Value::from(false),
        Fallback::Address { tls, host, port } => context! {
            tls, host, port, address => format!("{host}:{port}"), scheme => if *tls { "https" } else { "http" },
        },
        Fallback::Socket(path) => context! { socket => path, tls => false, scheme => "http" },
    };
    let (connect, begin) = PATIENCE;
    context! {
        text => fallback.to_string(),
        authority => fallback.authority(),
        down => NO_FALLBACK,
        connect,
        begin,
        ..more
    }
}

/// Content types, each with the extensions that it belongs to.
pub(in crate::hosts) fn content_types() -> Vec<Value> {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (extension, name) in media::EXTENSIONS {
        types.entry(name).or_default().push(extension);
    }
    types.into_iter().map(|(name, extensions)| context! { name, extensions }).collect()
}
