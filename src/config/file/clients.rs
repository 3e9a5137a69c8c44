//! The clients of the configuration: combinations of parameters that are answered in any case, beside the built-in ones.

use super::reader::{Reader, Value};
use crate::config::routing::Client;
use crate::package::Spec;

/// Keys of a client.
pub(super) const CLIENT: &[&str] = &["name", "kibana", "spec_min", "spec_max", "capabilities", "experimental"];

/// Beyond every version.
const END: [u64; 3] = [u64::MAX; 3];
const VERSION: &str = "8.19.0";
const SPEC: &str = "\"3.5\"";

/// All clients of a list.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Client> {
    if value.plain.is_null() {
        return Vec::new();
    }
    let items = reader.list(value, "a list of clients", "write `- name: …` for each client, or remove the key");
    items.iter().filter_map(|item| client(reader, item)).collect()
}

fn client(reader: &mut Reader<'_>, item: &Value<'_>) -> Option<Client> {
    let mut name = None;
    let (mut kibana, mut spec_min, mut spec_max) = (None, None, None);
    let mut capabilities = Vec::new();
    let mut experimental = false;
    for (key, value) in reader.section(item, CLIENT) {
        match key {
            "name" => name = Some(reader.text(&value, "text that says who sends this").unwrap_or_default()),
            "kibana" => kibana = range(reader, &value),
            "spec_min" => spec_min = spec(reader, &value),
            "spec_max" => spec_max = spec(reader, &value),
            "capabilities" => {
                let items = reader.list(&value, "a list of capabilities", "write `[apm, security]`, or remove the key");
                let words = items.iter().filter_map(|item| reader.text(item, "a capability"));
                capabilities.extend(words.map(str::to_owned));
            }
            _ => experimental = reader.flag(&value),
        }
    }
    let Some(name) = name else {
        reader.mistake(item.line, format!("`{}` has no name", item.path), "add `name: …`, which says who sends this");
        return None;
    };
    if let (Some(min), Some(max)) = (spec_min, spec_max)
        && min > max
    {
        let message = format!("`{}` has a spec_min above its spec_max", item.path);
        reader.mistake(item.line, message, "exchange the two");
    }
    let capabilities = (!capabilities.is_empty()).then_some(capabilities);
    Some(Client { name: name.to_owned(), kibana, spec_min, spec_max, capabilities, experimental })
}

fn spec(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Spec> {
    reader.numbers(value, SPEC).map(|[major, minor]| Spec { major, minor })
}

/// A first version and one that is excluded; without the second there is no end.
fn range(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<([u64; 3], [u64; 3])> {
    const HINT: &str = "write `[8.16.0, 8.19.0]`, or `[9.4.0]` when there is no end";
    let items = reader.list(value, "a list of one or two versions", HINT);
    if items.len() > 2 {
        reader.mistake(value.line, format!("`{}` has more than two versions", value.path), HINT);
    }
    let mut versions = items.iter().map(|item| reader.numbers(item, VERSION));
    let first = versions.next()??;
    let next = versions.next().unwrap_or(Some(END))?;
    if next <= first {
        let message =
            format!("`{}` is empty: its second version, which is excluded, is not above the first", value.path);
        reader.mistake(value.line, message, HINT);
    }
    Some((first, next))
}
