//! The upstreams of the configuration: registries and saved images that layers are mirrored from.

use super::reader::{Reader, Value, size};
use crate::base::suggest::did_you_mean;
use crate::config::layer::{Layer, MirrorSource};
use crate::config::upstream::{Rate, Retries, Timeouts, Upstream};
use reqwest::Url;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use yaml11::{Plain, Scalar};

/// Keys of an upstream.
pub(super) const UPSTREAM: &[&str] = &[
    "url",
    "image",
    "artifacts",
    "redirects",
    "ca",
    "proxy",
    "headers_from",
    "contact",
    "jobs",
    "rate",
    "bandwidth",
    "timeouts",
    "retries",
];
/// Keys of `timeouts`.
pub(super) const TIMEOUTS: &[&str] = &["connect", "answer", "idle", "listing"];
/// Keys of `retries`.
pub(super) const RETRIES: &[&str] = &["tries", "first", "most", "longest_wait", "give_up"];
/// Keys of a layer's `mirror`.
pub(super) const MIRROR: &[&str] = &["from", "select", "keep"];

/// Most requests at a time: no registry is asked more at once.
const MOST_JOBS: usize = 64;
/// Longest text that is sent with each request.
const MOST_CONTACT_BYTES: usize = 200;

/// All upstreams, by name.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>, folder: &Path) -> BTreeMap<String, Upstream> {
    let mut upstreams = BTreeMap::new();
    for (name, value) in reader.map(value) {
        if reader.name(name, &value)
            && let Some(upstream) = upstream(reader, name, &value, folder)
        {
            upstreams.insert(name.to_owned(), upstream);
        }
    }
    upstreams
}

fn upstream(reader: &mut Reader<'_>, name: &str, value: &Value<'_>, folder: &Path) -> Option<Upstream> {
    let mut upstream = Upstream::at("");
    let mut has_address = false;
    let pairs = reader.section(value, UPSTREAM);
    if let Some((_, image)) = pairs.iter().find(|(key, _)| *key == "image") {
        for (key, value) in pairs.iter().filter(|(key, _)| *key != "image") {
            let message =
                format!("`{}` is an image, and has no `{key}`", value.path.trim_end_matches(&format!(".{key}")));
            reader.mistake(
                value.line,
                message,
                "remove one of the two; an image is a file, and nobody is asked for it",
            );
        }
        let image = reader.text(image, "the file that `docker save` wrote, such as `epr.tar`")?;
        return Some(Upstream::saved(name, folder.join(image)));
    }
    for (key, value) in pairs {
        match key {
            "url" => {
                has_address = true;
                upstream.url = address(reader, &value).unwrap_or_default();
            }
            "artifacts" => upstream.artifacts = address(reader, &value),
            "redirects" => upstream.redirects = hosts(reader, &value),
            "ca" => upstream.ca = reader.text(&value, "a file of certificates").map(|text| folder.join(text)),
            "proxy" => upstream.proxy = address(reader, &value),
            "headers_from" => {
                upstream.headers_from = reader.text(&value, "a file of headers").map(|text| folder.join(text));
            }
            "contact" => upstream.contact = contact(reader, &value),
            "jobs" => {
                reader.count(&value, &mut upstream.jobs);
                if upstream.jobs > MOST_JOBS {
                    let message = format!("`{}` is above {MOST_JOBS}", value.path);
                    reader.mistake(value.line, message, "4 is the default, and enough for most registries");
                }
            }
            "rate" => upstream.rate = rate(reader, &value),
            "bandwidth" => upstream.bandwidth = bandwidth(reader, &value),
            "timeouts" => timeouts(reader, &value, &mut upstream.timeouts),
            _ => retries(reader, &value, &mut upstream.retries),
        }
    }
    if !has_address {
        let hint = "add `url: https://epr.elastic.co`, or the address of another registry; or `image: epr.tar`";
        reader.mistake(value.line, format!("`{}` has no url", value.path), hint);
        return None;
    }
    Some(upstream)
}

/// What a layer is mirrored from, and what of it.
pub(super) fn mirror(reader: &mut Reader<'_>, value: &Value<'_>, folder: &Path) -> Option<MirrorSource> {
    const HINT: &str = "write `mirror: {from: [elastic]}`, with names of `upstreams`";
    let mut source = MirrorSource::default();
    let mut is_said = false;
    for (key, value) in reader.section(value, MIRROR) {
        match key {
            "from" => {
                is_said = true;
                source.from = names(reader, &value, HINT);
            }
            "select" => source.select = reader.text(&value, "the name of a selection").map(str::to_owned),
            _ => source.keep = reader.paths(&value, folder),
        }
    }
    if !is_said {
        reader.mistake(value.line, format!("`{}` does not say from where", value.path), HINT);
    }
    Some(source)
}

/// Names of upstreams, each once.
fn names(reader: &mut Reader<'_>, value: &Value<'_>, hint: &str) -> Vec<String> {
    let mut from: Vec<String> = Vec::new();
    for item in reader.list(value, "a list of upstreams", hint) {
        let Some(name) = reader.text(&item, "the name of an upstream") else { continue };
        if from.iter().any(|earlier| earlier == name) {
            let message = format!("`{}` names the upstream `{name}` twice", value.path);
            reader.mistake(item.line, message, "remove one of the two; the first one that lists a version wins");
        } else {
            from.push(name.to_owned());
        }
    }
    from
}

/// Layers name only upstreams that there are. `lines` are those of the layers.
pub(super) fn check_names(
    reader: &mut Reader<'_>,
    layers: &BTreeMap<String, Layer>,
    upstreams: &BTreeMap<String, Upstream>,
    lines: &BTreeMap<String, u32>,
) {
    let known: Vec<_> = upstreams.keys().map(String::as_str).collect();
    for (layer, rules) in layers {
        let from = rules.mirror.iter().flat_map(|mirror| &mirror.from);
        for name in from.filter(|name| !upstreams.contains_key(*name)) {
            let hint = if known.is_empty() {
                format!("add `upstreams:` with `{name}: {{url: https://epr.elastic.co}}`")
            } else {
                did_you_mean(name, &known)
            };
            let line = lines.get(layer).copied().unwrap_or(1);
            reader.mistake(line, format!("layer `{layer}` is mirrored from `{name}`, which is no upstream"), &hint);
        }
    }
}

/// An address by HTTP, which is written without user, query and fragment.
fn address(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.text(value, "an address, such as `https://epr.elastic.co`")?;
    let is_fit = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    // Parsers skip blanks and turn slashes; what is asked is what is written.
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    match Url::parse(text).ok().filter(|url| is_plain && is_fit(url)) {
        Some(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
        None => {
            let message =
                format!("`{}` must be an address of http or https, without user, query and fragment", value.path);
            let hint = "write `https://epr.example.org` or `https://example.org/epr`; credentials belong into a file that \
                        `headers_from` names";
            reader.mistake(value.line, message, hint);
            None
        }
    }
}

fn hosts(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<String> {
    const HINT: &str = "write `[package-storage.elastic.co]`, without scheme, port and path";
    let mut hosts = Vec::new();
    for item in reader.list(value, "a list of host names", HINT) {
        let Some(text) = reader.text(&item, "a host name") else { continue };
        let is_host = Url::parse(&format!("http://{text}/"))
            .is_ok_and(|url| url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(text)));
        if is_host {
            hosts.push(text.to_ascii_lowercase());
        } else {
            reader.mistake(item.line, format!("`{}` is not the name of a host", item.path), HINT);
        }
    }
    hosts
}

/// A text that is sent as it is in a header.
fn contact(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    const HINT: &str = "write a mail address or the address of a page, such as `ops@example.org`";
    let text = reader.text(value, "a mail address, such as `ops@example.org`")?;
    let is_fit = text.len() <= MOST_CONTACT_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()\\\"".contains(&byte));
    if !is_fit {
        reader.mistake(value.line, format!("`{}` cannot be sent in a header", value.path), HINT);
    }
    is_fit.then(|| text.to_owned())
}

/// Off, as a word or as YAML reads it.
fn is_off(value: &Value<'_>) -> bool {
    matches!(value.plain, Plain::Scalar(Scalar::Bool(false), _)) || value.plain.as_str() == Some("off")
}

/// Reads `10/s` or `100/min`.
pub(crate) fn parse_rate(text: &str) -> Option<Rate> {
    let (requests, per) = text.split_once('/')?;
    let requests = requests.trim().parse().ok().filter(|requests| (1..=10_000).contains(requests))?;
    let per = match per.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Rate { requests, per: Duration::from_secs(per) })
}

fn rate(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Rate> {
    if is_off(value) {
        return None;
    }
    let rate = value.plain.as_str().and_then(parse_rate);
    if rate.is_none() {
        let message = format!("`{}` must be a number of requests in a time, or off", value.path);
        reader.mistake(value.line, message, "write `10/s`, `100/min` or `off`");
    }
    rate
}

fn bandwidth(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<u64> {
    if is_off(value) {
        return None;
    }
    let bytes = value.plain.as_str().and_then(|text| size(text.strip_suffix("/s")?));
    if bytes.is_none() {
        let message = format!("`{}` must be a size in a second, or off", value.path);
        reader.mistake(value.line, message, "write `20MB/s` or `off`");
    }
    bytes
}

/// Reads `500ms`, `10s`, `5m` or `1h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok().filter(|number| *number > 0)?;
    let milliseconds = match text[digits..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    // A day is more than anyone waits for, and no sum of times overflows.
    number.checked_mul(milliseconds).filter(|total| *total <= 86_400_000).map(Duration::from_millis)
}

fn duration(reader: &mut Reader<'_>, value: &Value<'_>, place: &mut Duration) {
    match value.plain.as_str().and_then(parse_duration) {
        Some(duration) => *place = duration,
        None => {
            let message = format!("`{}` must be a time above zero and up to a day", value.path);
            reader.mistake(value.line, message, "write a whole number with ms, s, m or h, such as `30s`");
        }
    }
}

fn timeouts(reader: &mut Reader<'_>, value: &Value<'_>, timeouts: &mut Timeouts) {
    for (key, value) in reader.section(value, TIMEOUTS) {
        let place = match key {
            "connect" => &mut timeouts.connect,
            "answer" => &mut timeouts.answer,
            "idle" => &mut timeouts.idle,
            _ => &mut timeouts.listing,
        };
        duration(reader, &value, place);
    }
}

fn retries(reader: &mut Reader<'_>, value: &Value<'_>, retries: &mut Retries) {
    for (key, value) in reader.section(value, RETRIES) {
        match key {
            "tries" => reader.count(&value, &mut retries.tries),
            "first" => duration(reader, &value, &mut retries.first),
            "most" => duration(reader, &value, &mut retries.most),
            "longest_wait" => duration(reader, &value, &mut retries.longest_wait),
            _ => reader.count(&value, &mut retries.give_up),
        }
    }
}
