//! Answers of Kibana, recognised by their shape and cut down to names and versions.
//!
//! Each generation of Kibana spells the same facts in its own way, so no answer is told by the address that gave it: a saved
//! file has none. Everything that is not needed is left behind here, so that none of it can reach a keep file.

use crate::select::keep_file::Source;
use serde_json::{Map, Value};

/// What an answer of Kibana says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The packages that Fleet shows, those of the registry included: `/api/fleet/epm/packages`. Only those that are installed
    /// are kept.
    Shown(Vec<Statement>),
    /// The packages that Fleet calls installed: `/api/fleet/epm/packages/installed`.
    Installed(Page<Statement>),
    /// The packages as Kibana stores them: `/api/saved_objects/_find?type=epm-packages`.
    Stored(Page<Statement>),
    /// The policies and their packages: `/api/fleet/package_policies`.
    Policies(Page<PolicyPackage>),
    /// `/api/status`: the version of Kibana, if whoever asked may know it.
    Status(Option<String>),
    /// `/api/fleet/settings`: true if pre-releases are asked for, where the setting exists.
    Settings(Option<bool>),
    /// `/api/fleet/epm/verification_key_id`.
    KeyId(Option<String>),
    /// `/api/spaces/space`: ids of the spaces.
    Spaces(Vec<String>),
    /// An error: status and message.
    Refusal(u64, String),
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    /// The elements, each with what tells it from the others.
    pub(super) items: Vec<(String, T)>,
    /// Number of elements that the whole list has.
    pub(super) total: u64,
    /// Number of the part, from 1; absent where parts have none.
    pub(super) number: Option<u64>,
    /// Elements of a full part.
    pub(super) per_page: Option<u64>,
    /// With which the next part is asked for.
    pub(super) after: Option<String>,
}

/// What an answer says of an installed package. Texts are as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    /// Name of the package.
    pub(super) name: String,
    /// The installed version; absent if the answer does not tell it.
    pub(super) version: Option<String>,
    /// The version that is being installed, or was the last time.
    pub(super) install_version: Option<String>,
    /// `installed`, `installing` or `install_failed`; newer Kibanas have more.
    pub(super) status: String,
    /// Where it came from; absent if it is not told, or not one that is known.
    pub(super) source: Option<Source>,
    /// The version before, to which a rollback leads.
    pub(super) previous: Option<String>,
    /// Names and versions to which a rollback brings dependencies back.
    pub(super) previous_dependencies: Vec<(String, String)>,
    /// The version to which an upgrade waits to be accepted.
    pub(super) review: Option<String>,
    /// True if other packages require it.
    pub(super) is_dependency: bool,
    /// Names and versions of what it requires.
    pub(super) dependencies: Vec<(String, String)>,
}

/// The package of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyPackage {
    /// Name of the package.
    pub(super) name: String,
    /// The version that the policy was made with.
    pub(super) version: String,
}

/// Recognises an answer. `None` if it has no shape that is known.
pub(super) fn recognise(value: &Value) -> Option<Answer> {
    if let Value::Array(spaces) = value {
        let ids: Option<Vec<_>> = spaces.iter().map(|space| Some(text(space, "id")?.to_owned())).collect();
        return ids.filter(|ids| !ids.is_empty()).map(Answer::Spaces);
    }
    let object = value.as_object()?;
    if let (Some(status), Some(Value::String(_))) =
        (object.get("statusCode").and_then(Value::as_u64), object.get("error"))
    {
        return Some(Answer::Refusal(status, text(value, "message").unwrap_or_default().to_owned()));
    }
    if let Some(Value::Array(objects)) = object.get("saved_objects") {
        return stored(object, objects);
    }
    // Kibana 7 writes `response`, Kibana 8 has both for a while.
    if let Some(Value::Array(items)) = object.get("items").or_else(|| object.get("response")) {
        return list(object, items);
    }
    match object.get("version") {
        Some(version @ Value::Object(_)) if object.contains_key("status") => {
            return Some(Answer::Status(text(version, "number").map(str::to_owned)));
        }
        None if object.get("status").is_some_and(|status| status.get("overall").is_some()) => {
            return Some(Answer::Status(None));
        }
        _ => {}
    }
    if let Some(item) = object.get("item").filter(|item| is_settings(item)) {
        return Some(Answer::Settings(item.get("prerelease_integrations_enabled").and_then(Value::as_bool)));
    }
    let is_key = object.len() == 1 && object.get("id").is_some_and(|id| id.is_string() || id.is_null());
    is_key.then(|| Answer::KeyId(text(value, "id").map(str::to_owned)))
}

fn is_settings(item: &Value) -> bool {
    const OURS: [&str; 4] = [
        "prerelease_integrations_enabled",
        "has_seen_add_data_notice",
        "fleet_server_hosts",
        "secret_storage_requirements_met",
    ];
    OURS.iter().any(|key| item.get(key).is_some())
}

/// Saved objects, of which those of packages count.
fn stored(object: &Map<String, Value>, objects: &[Value]) -> Option<Answer> {
    let mut items = Vec::new();
    for (position, one) in objects.iter().enumerate() {
        if text(one, "type") != Some("epm-packages") {
            return None;
        }
        let id = text(one, "id").map_or_else(|| format!("#{position}"), str::to_owned);
        let mut statement = statement(one.get("attributes").unwrap_or(&Value::Null));
        if statement.name.is_empty() {
            statement.name.clone_from(&id);
        }
        items.push((id, statement));
    }
    Some(Answer::Stored(page(object, items)))
}

/// The lists of Fleet, which differ in what their elements have.
fn list(object: &Map<String, Value>, items: &[Value]) -> Option<Answer> {
    let has = |item: &Value, keys: &[&str]| keys.iter().any(|key| item.get(key).is_some());
    let is_policy = |item: &Value| has(item, &["policy_id", "policy_ids"]);
    let is_installed = |item: &Value| item.get("dataStreams").is_some_and(Value::is_array);
    let is_shown = |item: &Value| {
        text(item, "name").is_some() && has(item, &["status", "savedObject", "installationInfo", "download", "path"])
    };
    if items.is_empty() {
        return Some(match object {
            object if has_numbered_parts(object) => Answer::Policies(page(object, Vec::new())),
            object if object.contains_key("total") => Answer::Installed(page(object, Vec::new())),
            _ => Answer::Shown(Vec::new()),
        });
    }
    if items.iter().all(is_policy) {
        return Some(Answer::Policies(page(object, items.iter().enumerate().filter_map(policy).collect())));
    }
    if items.iter().all(is_installed) {
        let named = items.iter().map(|item| (text(item, "name").unwrap_or_default().to_owned(), statement(item)));
        return Some(Answer::Installed(page(object, named.collect())));
    }
    if items.iter().all(is_shown) {
        return Some(Answer::Shown(items.iter().filter_map(shown).collect()));
    }
    None
}

fn has_numbered_parts(object: &Map<String, Value>) -> bool {
    object.contains_key("page") || object.contains_key("perPage")
}

/// A policy. Those without a package, which old Kibanas made by hand, count for the number of elements alone.
fn policy((position, item): (usize, &Value)) -> Option<(String, PolicyPackage)> {
    let id = text(item, "id").map_or_else(|| format!("#{position}"), str::to_owned);
    let package = item.get("package").unwrap_or(&Value::Null);
    let of = |key| text(package, key).unwrap_or_default().to_owned();
    Some((id, PolicyPackage { name: of("name"), version: of("version") }))
}

/// An element of what Fleet shows, if the package is installed. Its own `version` is the newest one of the registry and never
/// the installed one.
fn shown(item: &Value) -> Option<Statement> {
    let attributes = item.get("savedObject").and_then(|object| object.get("attributes"));
    let info = item.get("installationInfo");
    let status = text(item, "status").unwrap_or_default();
    if matches!(status, "" | "not_installed") && attributes.is_none() && info.is_none() {
        return None;
    }
    let mut found = attributes.map(statement).unwrap_or_default();
    if let Some(info) = info.map(statement) {
        let Statement { version, install_version, source, previous, review, .. } = info;
        found.version = version.or(found.version);
        found.install_version = install_version.or(found.install_version);
        found.source = source.or(found.source);
        found.previous = previous.or(found.previous);
        found.review = review.or(found.review);
        found.is_dependency |= info.is_dependency;
        found.dependencies.extend(info.dependencies);
        found.previous_dependencies.extend(info.previous_dependencies);
        if found.status.is_empty() {
            found.status = info.status;
        }
    }
    if found.status.is_empty() || status == "install_failed" || status == "installing" {
        found.status = status.to_owned();
    }
    found.name = text(item, "name").unwrap_or_default().to_owned();
    Some(found)
}

/// What the attributes of an installation say.
fn statement(attributes: &Value) -> Statement {
    let of = |key| text(attributes, key).map(str::to_owned);
    let pairs = |key: &str, versions: &[&str]| -> Vec<(String, String)> {
        let items = attributes.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let pair = |item: &Value| {
            let version = versions.iter().find_map(|version| text(item, version))?;
            Some((text(item, "name")?.to_owned(), version.to_owned()))
        };
        items.iter().filter_map(pair).collect()
    };
    let review = attributes.get("pending_upgrade_review").filter(|review| text(review, "action") != Some("declined"));
    Statement {
        name: of("name").unwrap_or_default(),
        version: of("version"),
        install_version: of("install_version"),
        status: of("install_status").or_else(|| of("status")).unwrap_or_default(),
        source: text(attributes, "install_source").and_then(Source::named),
        previous: of("previous_version"),
        // Kibanas do not agree on the spelling.
        previous_dependencies: pairs("previous_dependency_versions", &["previousVersion", "previous_version"]),
        review: review.and_then(|review| text(review, "target_version")).map(str::to_owned),
        is_dependency: attributes
            .get("is_dependency_of")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty()),
        dependencies: pairs("dependencies", &["version"]),
    }
}

fn page<T>(object: &Map<String, Value>, items: Vec<(String, T)>) -> Page<T> {
    let number = |keys: [&str; 2]| keys.iter().find_map(|key| object.get(*key).and_then(Value::as_u64));
    let after = object.get("searchAfter").filter(|after| after.as_array().is_some_and(|values| !values.is_empty()));
    Page {
        total: number(["total", "total"]).unwrap_or(items.len() as u64),
        number: number(["page", "page"]),
        per_page: number(["perPage", "per_page"]),
        after: after.map(ToString::to_string),
        items,
    }
}

/// A text of an object; an empty one says nothing.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}
