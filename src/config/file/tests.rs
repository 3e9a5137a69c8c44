//! Every mistake with its line, message and hint; every value; the sample file.

mod overrides;

use super::overrides::{DEPRECATED, OVERRIDE};
use super::reader::size;
use super::values::check_name;
use super::{BUDGET, DISTRIBUTION, LAYER, LIMITS, TOP, clients, parse, selections, upstreams};
use crate::base::rule::Rule;
use crate::config::fallback::Fallback;
use crate::config::layer::{DashedFolders, KeySource, Layer, Policy, Signatures, Validation};
use crate::config::limits::Limits;
use crate::config::routing::{Budget, Client, known};
use crate::config::upstream::{Rate, Retries, Timeouts, Upstream};
use crate::config::{Config, Distribution};
use crate::package::Spec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use yaml11::{Plain, Scalar, parse_plain};

mod of_selections;

const SAMPLE: &str = include_str!("../../../epr-build.sample.yml");

fn read(text: &str) -> Config {
    match parse(text.as_bytes(), Path::new("etc/epr-build.yml")) {
        Ok(config) => config,
        Err(mistakes) => panic!("{text}\n{mistakes}"),
    }
}

/// The mistakes, one a line: line number, message, hint.
fn mistakes(text: &[u8]) -> String {
    let Err(mistakes) = parse(text, Path::new("epr-build.yml")) else { return "none".to_owned() };
    assert!(!mistakes.problems.is_empty());
    let show = |problem: &crate::base::problem::Problem| {
        assert_eq!((problem.place.package.as_str(), problem.rule), ("epr-build.yml", Rule::Configuration));
        format!("{}: {} | {}", problem.place.line.unwrap(), problem.message, problem.hint.as_deref().unwrap())
    };
    mistakes.problems.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_mistake_has_a_line_and_a_way_out() {
    const NAMES: &str = "use letters, digits, `.`, `_` and `-`, and begin with a letter or digit";
    const MAPPING: &str = "write `key: value` pairs, one a line; epr-build.sample.yml has an example";
    const LISTEN: &str = "write `8080`, `127.0.0.1:8080` or `\"[::1]:8080\"`";
    const PREFIX: &str = "must be a path of letters, digits, `.`, `_`, `~` and `-` | write `/epr/staging`, with a slash before each part and none at the end";
    const FALLBACK: &str = "must be the address of a server without a path, a Unix socket, or no | write `http://127.0.0.1:8090`, `https://epr.example.org`, `unix:/run/epr-build/epr.sock` or `no`";
    const ITSELF: &str = "is the address that its own servers listen on | give it the address of `epr-build serve`, on a port of its own";
    const SIZE: &str = "write bytes, or a whole number with B, kB, MB, GB, KiB, MiB or GiB, for example `512 MiB`";
    const SHARE: &str =
        "must be a share from `0%` to `100%` | write a whole number and a percent sign, for example `50%`";
    const KEYS: &str = "write `keys: elastic` or `keys: [elastic, folder/key.asc]`";
    const NO_KEYS: &str = "is `verify` or `sign`, and no `keys` say whose are good | add `keys: [elastic]`, or the files of other public keys";
    const ADDRESS: &str = "must be an address of http or https, without user, query and fragment | write `https://epr.example.org` or `https://example.org/epr`; credentials belong into a file that `headers_from` names";
    const COUNT: &str = "write it with digits only, for example `1000`";
    const RANGE: &str = "write `[8.16.0, 8.19.0]`, or `[9.4.0]` when there is no end";
    const TWICE: &str = "remove one of the two; where two layers hold the same version, the first wins";
    let cases: &[(&str, &str)] = &[
        // Text that is no YAML, or no mapping.
        (
            "a: b: c",
            "1: yaml: mapping values are not allowed in this context | epr-build.sample.yml shows the form of the file",
        ),
        ("- a", &format!("1: the file must be a mapping, not a list | {MAPPING}")),
        ("text", &format!("1: the file must be a mapping, not text | {MAPPING}")),
        // Keys.
        ("\nlistn: 8080", "2: unknown key `listn` | did you mean `listen`?"),
        (
            "x: 1",
            "1: unknown key `x` | known are `distributions`, `layers`, `selections`, `listen`, `fallback`, `ui`, `limits`, `budget`, `clients`, `upstreams`",
        ),
        ("limits:\n  max_entires: 5", "2: unknown key `max_entires` in `limits` | did you mean `max_entries`?"),
        (
            "layers:\n  production:\n    imutable: yes",
            "3: unknown key `imutable` in `layers.production` | did you mean `immutable`?",
        ),
        ("listen: 80\nlisten: 81", "2: duplicate key `listen` | remove one of the two"),
        (
            "listen: 80\n---\nlisten: 81",
            "2: something follows the first document, and is ignored | write everything into one document, without `---` in \
             between",
        ),
        ("distributions:\n  a: [x]\n  a: [z]", "3: duplicate key `a` | remove one of the two"),
        ("layers:\n  on: {}", "2: a key of `layers` is not text | put quotes around it"),
        // Sections of the wrong kind.
        ("limits: 5", &format!("1: `limits` must be a mapping, not a number | {MAPPING}")),
        ("layers: [a]", &format!("1: `layers` must be a mapping, not a list | {MAPPING}")),
        ("distributions: production", &format!("1: `distributions` must be a mapping, not text | {MAPPING}")),
        (
            "clients: {}",
            "1: `clients` must be a list of clients, not a mapping | write `- name: …` for each client, or remove the key",
        ),
        // Distributions.
        ("distributions:\n  a: []", "2: `distributions.a` is an empty list | write `[production, staging]`"),
        (
            "distributions:\n  a:",
            "2: `distributions.a` is empty; it must be a list of layers | write `[production, staging]`",
        ),
        (
            "distributions:\n  a: b",
            "2: `distributions.a` must be a list of layers, not text | write `[production, staging]`",
        ),
        ("distributions:\n  a: {listen: 80}", "2: `distributions.a` has no layers | add `layers: [production]`"),
        (
            "distributions:\n  a: {layers: []}",
            "2: `distributions.a.layers` is an empty list | write `[production, staging]`",
        ),
        (
            "distributions:\n  a: {layer: [x]}",
            "2: unknown key `layer` in `distributions.a` | did you mean `layers`?\n2: `distributions.a` has no layers | add `layers: [production]`",
        ),
        (
            "distributions:\n  a:\n  - x\n  - z\n  - x",
            &format!("5: `distributions.a` names the layer `x` twice | {TWICE}"),
        ),
        (
            "distributions:\n  a: [x, [y]]",
            "2: `distributions.a.1` must be the name of a layer, not a list | write the name of a layer",
        ),
        (
            "distributions:\n  a: [1.0]",
            "2: `distributions.a.0` must be the name of a layer, not a number | put quotes around it",
        ),
        ("distributions:\n  a: ['']", "2: `distributions.a.0` is empty | write the name of a layer"),
        ("distributions:\n  a: [../x]", &format!("2: `../x` cannot be the name of a folder everywhere | {NAMES}")),
        ("distributions:\n  ..: [x]", &format!("2: `..` cannot be the name of a folder everywhere | {NAMES}")),
        (
            "distributions:\n  Store: [x]",
            "2: `Store` is taken: a folder of the output is called so | choose another name",
        ),
        // Layers.
        ("layers:\n  cache: {}", "2: `cache` is taken: a folder of the output is called so | choose another name"),
        ("layers:\n  a/b: {}", &format!("2: `a/b` cannot be the name of a folder everywhere | {NAMES}")),
        ("layers:\n  prodution: {}", "2: no distribution has a layer `prodution` | did you mean `production`?"),
        ("layers:\n  xyz: {}", "2: no distribution has a layer `xyz` | add it to a distribution, or remove it"),
        (
            "layers:\n  staging:\n    validation: requir",
            "3: `layers.staging.validation` must be `warn` or `require`, not `requir` | did you mean `require`?",
        ),
        (
            "layers:\n  staging:\n    signatures: yes",
            "3: `layers.staging.signatures` must be `pass` or `verify` or `require` or `strip` or `sign` or `optional`, not yes or no | write `pass` or `verify` or `require` or `strip` or `sign` or `optional`",
        ),
        (
            "layers:\n  staging:\n    keys: elastic\n    signatures: stripp",
            "4: `layers.staging.signatures` must be `pass` or `verify` or `require` or `strip` or `sign` or `optional`, not `stripp` | did you mean `strip`?",
        ),
        (
            "layers:\n  staging:\n    validation: warn\n    signatures: verify",
            &format!("4: `layers.staging.signatures` {NO_KEYS}"),
        ),
        ("layers:\n  staging: {signatures: sign}", &format!("2: `layers.staging.signatures` {NO_KEYS}")),
        ("layers:\n  staging:\n    keys: []", &format!("3: `layers.staging.keys` is an empty list | {KEYS}")),
        (
            "layers:\n  staging:\n    keys: {a: b}",
            "3: `layers.staging.keys` must be `elastic` or the path of a file with public keys, not a mapping | write `elastic` or the path of a file with public keys",
        ),
        (
            "layers:\n  staging:\n    keys: [elastic, a.asc, elastic]",
            "3: `layers.staging.keys` has the same key twice | remove one of the two",
        ),
        (
            "layers:\n  staging:\n    dashed_folders: ok",
            "3: `layers.staging.dashed_folders` must be `refuse` or `warn`, not `ok` | known are `refuse`, `warn`",
        ),
        (
            "layers:\n  staging:\n    immutable: 'yes'",
            "3: `layers.staging.immutable` must be yes or no, not text | write `yes` or `no`, without quotes",
        ),
        (
            "layers:\n  staging:\n    immutable:",
            "3: `layers.staging.immutable` is empty; it must be yes or no | write `yes` or `no`, without quotes",
        ),
        (
            "layers:\n  staging:\n    paths: []",
            "3: `layers.staging.paths` is an empty list | write `paths: folder` or `paths: [folder, another]`",
        ),
        (
            "layers:\n  staging:\n    paths: 5",
            "3: `layers.staging.paths` must be a path, not a number | put quotes around it",
        ),
        (
            "layers:\n  staging:\n    paths:\n    - a\n    - a",
            "5: `layers.staging.paths` has the same path twice | remove one of the two",
        ),
        (
            "layers:\n  staging:\n    optional: maybe",
            "3: `layers.staging.optional` must be yes or no, not text | write `yes` or `no`, without quotes",
        ),
        ("layers:\n  staging:\n    shrink: 50", &format!("3: `layers.staging.shrink` {SHARE}")),
        ("layers:\n  staging:\n    shrink: 101%", &format!("3: `layers.staging.shrink` {SHARE}")),
        ("layers:\n  staging:\n    shrink: -1%", &format!("3: `layers.staging.shrink` {SHARE}")),
        // Addresses, also such as would break out of a configuration.
        ("distributions: {a: {layers: [production], prefix: /a/}}", &format!("1: `distributions.a.prefix` {PREFIX}")),
        ("distributions: {a: {layers: [production], prefix: a}}", &format!("1: `distributions.a.prefix` {PREFIX}")),
        (
            "distributions: {a: {layers: [production], prefix: /a/../b}}",
            &format!("1: `distributions.a.prefix` {PREFIX}"),
        ),
        (
            "distributions: {a: {layers: [production], prefix: '/a b'}}",
            &format!("1: `distributions.a.prefix` {PREFIX}"),
        ),
        ("distributions: {a: {layers: [production], prefix: 1}}", &format!("1: `distributions.a.prefix` {PREFIX}")),
        (
            "distributions:\n  a: {layers: [production], prefix: /x}\n  b: {layers: [production], prefix: /x/y}",
            "3: `b` and `a` lie at `/x/y` and `/x` of one address | give them paths of which none begins with the other, or another `listen`",
        ),
        ("listen: 0", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: 999.1.1.1:8", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: 127.0.1:8", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: 65536", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: localhost", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: '::1:80'", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: '80; include x'", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("listen: 'x;}:80'", &format!("1: `listen` must be a port, or an address and a port | {LISTEN}")),
        ("fallback: http://a:1/epr", &format!("1: `fallback` {FALLBACK}")),
        ("fallback: http://user:word@a:1", &format!("1: `fallback` {FALLBACK}")),
        ("fallback: unix:run/x", &format!("1: `fallback` {FALLBACK}")),
        ("fallback: 8090", &format!("1: `fallback` {FALLBACK}")),
        ("fallback: yes", &format!("1: `fallback` {FALLBACK}")),
        ("fallback:", &format!("1: `fallback` {FALLBACK}")),
        ("fallback: ''", &format!("1: `fallback` {FALLBACK}")),
        (
            "distributions: {a: {layers: [production], fallback: 'http://a b'}}",
            &format!("1: `distributions.a.fallback` {FALLBACK}"),
        ),
        ("listen: 80\nfallback: http://localhost", &format!("2: the fallback of `production` {ITSELF}")),
        (
            "distributions:\n  a: {layers: [production], listen: 81, fallback: 'http://127.0.0.1:81'}",
            &format!("2: the fallback of `a` {ITSELF}"),
        ),
        // Numbers.
        (
            "limits:\n  max_file_bytes: 5 MiBs",
            &format!("2: `limits.max_file_bytes` must be a size above zero | {SIZE}"),
        ),
        ("limits:\n  max_path_bytes: -1", &format!("2: `limits.max_path_bytes` must be a size above zero | {SIZE}")),
        (
            "limits:\n  max_package_bytes: 99999999999 GiB",
            &format!("2: `limits.max_package_bytes` must be a size above zero | {SIZE}"),
        ),
        (
            "limits:\n  max_entries: 1 MiB",
            &format!("2: `limits.max_entries` must be a whole number above zero | {COUNT}"),
        ),
        ("budget:\n  max_answers: 0", &format!("2: `budget.max_answers` must be a whole number above zero | {COUNT}")),
        (
            "budget:\n  max_contexts: 1.5",
            &format!("2: `budget.max_contexts` must be a whole number above zero | {COUNT}"),
        ),
        // Clients.
        ("clients:\n- kibana: [8.0.0]", "2: `clients.0` has no name | add `name: …`, which says who sends this"),
        (
            "clients:\n- name: x\n  kibana: [8.10]",
            "3: `clients.0.kibana.0` must be 3 whole numbers with dots between, as text | write `8.19.0`",
        ),
        ("clients:\n- name: x\n  kibana: []", &format!("3: `clients.0.kibana` is an empty list | {RANGE}")),
        (
            "clients:\n- name: x\n  kibana: [8.1.0, 8.1.0]",
            &format!(
                "3: `clients.0.kibana` is empty: its second version, which is excluded, is not above the first | {RANGE}"
            ),
        ),
        (
            "clients:\n- name: x\n  kibana: [8.1.0, 8.2.0, 8.3.0]",
            &format!("3: `clients.0.kibana` has more than two versions | {RANGE}"),
        ),
        (
            "clients:\n- name: x\n  spec_max: 3.10",
            "3: `clients.0.spec_max` must be 2 whole numbers with dots between, as text | write `\"3.5\"`",
        ),
        (
            "clients:\n- name: x\n  spec_min: '3.5'\n  spec_max: '3.1'",
            "2: `clients.0` has a spec_min above its spec_max | exchange the two",
        ),
        (
            "clients:\n- name: x\n  capabilities: apm",
            "3: `clients.0.capabilities` must be a list of capabilities, not text | write `[apm, security]`, or remove the key",
        ),
        ("clients:\n- name: x\n  spec_mx: '3.1'", "3: unknown key `spec_mx` in `clients.0` | did you mean `spec_max`?"),
        // Upstreams.
        (
            "upstreams:\n  a: {jobs: 2}",
            "2: `upstreams.a` has no url | add `url: https://epr.elastic.co`, or the address of another registry; or `image: epr.tar`",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', image: epr.tar}",
            "2: `upstreams.a` is an image, and has no `url` | remove one of the two; an image is a file, and nobody is asked for it",
        ),
        (
            "upstreams:\n  a:\n    image: epr.tar\n    jobs: 2",
            "4: `upstreams.a` is an image, and has no `jobs` | remove one of the two; an image is a file, and nobody is asked for it",
        ),
        (
            "upstreams:\n  a: {image: ''}",
            "2: `upstreams.a.image` is empty | write the file that `docker save` wrote, such as `epr.tar`",
        ),
        ("upstreams:\n  a: {url: epr.elastic.co}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'ftp://a'}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'https://user:word@a'}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'https://a/?x'}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'https://a/#x'}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'https://a\\b'}", &format!("2: `upstreams.a.url` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'http://a', proxy: 'socks5://b'}", &format!("2: `upstreams.a.proxy` {ADDRESS}")),
        ("upstreams:\n  a: {url: 'http://a', artifacts: b}", &format!("2: `upstreams.a.artifacts` {ADDRESS}")),
        (
            "upstreams:\n  a: {url: 'http://a', redirects: ['b:80']}",
            "2: `upstreams.a.redirects.0` is not the name of a host | write `[package-storage.elastic.co]`, without scheme, port and path",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', contact: 'a b'}",
            "2: `upstreams.a.contact` cannot be sent in a header | write a mail address or the address of a page, such as `ops@example.org`",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', jobs: 0}",
            &format!("2: `upstreams.a.jobs` must be a whole number above zero | {COUNT}"),
        ),
        (
            "upstreams:\n  a: {url: 'http://a', jobs: 65}",
            "2: `upstreams.a.jobs` is above 64 | 4 is the default, and enough for most registries",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', rate: 10}",
            "2: `upstreams.a.rate` must be a number of requests in a time, or off | write `10/s`, `100/min` or `off`",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', bandwidth: 20MB}",
            "2: `upstreams.a.bandwidth` must be a size in a second, or off | write `20MB/s` or `off`",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', timeouts: {idle: 60}}",
            "2: `upstreams.a.timeouts.idle` must be a time above zero and up to a day | write a whole number with ms, s, m or h, such as `30s`",
        ),
        (
            "upstreams:\n  a: {url: 'http://a', retries: {most: 25h}}",
            "2: `upstreams.a.retries.most` must be a time above zero and up to a day | write a whole number with ms, s, m or h, such as `30s`",
        ),
        ("upstreams:\n  a: {url: 'http://a', ulr: b}", "2: unknown key `ulr` in `upstreams.a` | did you mean `url`?"),
        (
            "layers:\n  staging: {mirror: {from: [elastic]}}",
            "2: layer `staging` is mirrored from `elastic`, which is no upstream | add `upstreams:` with `elastic: {url: https://epr.elastic.co}`",
        ),
        (
            "upstreams:\n  elastic: {url: 'http://a'}\nlayers:\n  staging: {mirror: {from: [elstic]}}",
            "4: layer `staging` is mirrored from `elstic`, which is no upstream | did you mean `elastic`?",
        ),
        (
            "upstreams:\n  a: {url: 'http://a'}\nlayers:\n  staging: {mirror: {from: [a, a]}}",
            "4: `layers.staging.mirror.from` names the upstream `a` twice | remove one of the two; the first one that lists a version wins",
        ),
        (
            "layers:\n  staging: {mirror: {}}",
            "2: `layers.staging.mirror` does not say from where | write `mirror: {from: [elastic]}`, with names of `upstreams`",
        ),
        // All of them, by line.
        (
            "layers:\n  nowhere: {}\ndistributions:\n  cache: [x]\nlistem: 1",
            "2: no distribution has a layer `nowhere` | add it to a distribution, or remove it\n4: `cache` is taken: a folder of the output is called so | choose another name\n5: unknown key `listem` | did you mean `listen`?",
        ),
    ];
    let wrong = cases.iter().filter(|(text, expected)| mistakes(text.as_bytes()) != *expected);
    let wrong: Vec<_> =
        wrong.map(|(text, expected)| format!("{text}\n= {}\n≠ {expected}\n", mistakes(text.as_bytes()))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// Configurations of older versions keep their meaning.
#[test]
fn signatures_have_five_words_and_an_older_one() {
    for (word, expected) in [
        ("pass", Signatures::Pass),
        ("optional", Signatures::Pass),
        ("verify", Signatures::Verify),
        ("require", Signatures::Require),
        ("strip", Signatures::Strip),
        ("sign", Signatures::Sign),
    ] {
        let config = read(&format!("layers: {{staging: {{signatures: {word}, keys: elastic}}}}"));
        let Layer { signatures, keys, .. } = &config.layers["staging"];
        assert_eq!((*signatures, keys.as_slice()), (expected, [KeySource::Elastic].as_slice()), "{word}");
    }
    assert!(read("layers: {staging: {signatures: require}}").layers["staging"].keys.is_empty());
    assert_eq!(Layer::default().signatures, Signatures::Pass);
}

#[test]
fn a_mistake_reads_like_every_other_problem() {
    let Err(mistakes) = parse(b"listn: 8080\nbudgt: {}", Path::new("etc/epr-build.yml")) else { panic!("accepted") };
    let expected = "\
error: unknown key `listn`
  --> etc/epr-build.yml:1
  |
1 | listn: 8080
  | ^^^^^^^^^^^
hint: did you mean `listen`?
error: unknown key `budgt`
  --> etc/epr-build.yml:2
  |
2 | budgt: {}
  | ^^^^^^^^^
hint: did you mean `budget`?";
    assert_eq!(mistakes.to_string(), expected);
}

#[test]
fn nothing_said_is_the_default() {
    let default = Config::default();
    for text in ["", "# nothing", "limits:\nlayers:\ndistributions:\nbudget:\nclients:", "{}"] {
        let config = read(text);
        assert_eq!((&config.distributions, &config.layers), (&default.distributions, &default.layers), "{text}");
        assert_eq!((&config.listen, config.limits), (&default.listen, default.limits), "{text}");
        assert!(config.fallback.is_off(), "{text}");
        assert_eq!(config.routing.clients, default.routing.clients, "{text}");
        assert_eq!(config.routing.budget, default.routing.budget, "{text}");
    }
}

// Only registries that would answer to the same requests are in each other's way.
#[test]
fn prefixes_of_other_addresses_or_folders_do_not_collide() {
    for text in [
        "distributions:\n  a: {layers: [production], prefix: /x}\n  b: {layers: [production], prefix: /xy}",
        "distributions:\n  a: {layers: [production], prefix: /x}\n  b: {layers: [production], prefix: /x, listen: 81}",
        "distributions:\n  a: {layers: [production], prefix: ''}\n  b: {layers: [production]}",
    ] {
        read(text);
    }
}

#[test]
fn every_value_arrives() {
    let config = read(
        "distributions: {approved: {layers: [production, in_house], listen: 80, fallback: no, prefix: /a/b-c, debug_header: yes}, staging: [staging]}
layers:
  in_house: {paths: [a, /b], validation: require, dashed_folders: warn, signatures: require, keys: [elastic, k.asc, /k], immutable: yes, overwrite: refuse, removal: allow, optional: yes, whole: yes, shrink: 20%, follow_links: [/pool, p]}
  production: {paths: c}
listen: '[::1]:9'
fallback: unix:/run/epr.sock
limits: {max_file_bytes: 1 kB, max_package_bytes: 2, max_entries: 3, max_zip_ratio: 4, max_path_bytes: 5, max_depth: 6}
budget: {max_contexts: 7, max_answers: 8, max_bytes: 9}
clients:
- {name: x, kibana: [8.1.0, 8.2.0], spec_min: '1.2', spec_max: '3.10', capabilities: [apm], experimental: yes}
- {name: other, kibana: [9.0.0]}
",
    );
    let names: Vec<_> = config.distributions.keys().map(String::as_str).collect();
    assert_eq!(names, ["approved", "production", "snapshot", "staging"]);
    let approved = Distribution {
        layers: vec!["production".into(), "in_house".into()],
        listen: Some("80".into()),
        fallback: Some(Fallback::Off),
        prefix: "/a/b-c".into(),
        debug_header: true,
        ui: None,
        select: None,
    };
    assert_eq!(config.distributions["approved"], approved);
    assert_eq!(
        config.distributions["staging"],
        Distribution { layers: vec!["staging".into()], ..Distribution::default() }
    );
    let in_house = Layer {
        paths: vec!["etc/a".into(), "/b".into()],
        validation: Validation::Require,
        dashed_folders: DashedFolders::Warn,
        signatures: Signatures::Require,
        keys: vec![KeySource::Elastic, KeySource::File("etc/k.asc".into()), KeySource::File("/k".into())],
        immutable: true,
        overwrite: Some(Policy::Refuse),
        removal: Some(Policy::Allow),
        optional: true,
        whole: true,
        shrink: Some(20),
        follow_links: vec!["/pool".into(), "etc/p".into()],
        mirror: None,
        overrides: Vec::new(),
    };
    let production = Layer { paths: vec![PathBuf::from("etc/c")], ..Layer::default() };
    assert_eq!(config.layers, BTreeMap::from([("in_house".into(), in_house), ("production".into(), production)]));
    assert_eq!(config.listen, "[::1]:9");
    assert_eq!(config.fallback, Fallback::Socket("/run/epr.sock".into()));
    let limits = Limits {
        max_file_bytes: 1000,
        max_package_bytes: 2,
        max_entries: 3,
        max_zip_ratio: 4,
        max_path_bytes: 5,
        max_depth: 6,
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.routing.budget, Budget { max_contexts: 7, max_answers: 8, max_bytes: 9 });
    let plain = Client {
        name: "other".into(),
        kibana: Some(([9, 0, 0], [u64::MAX; 3])),
        spec_min: None,
        spec_max: None,
        capabilities: None,
        experimental: false,
    };
    let full = Client {
        name: "x".into(),
        kibana: Some(([8, 1, 0], [8, 2, 0])),
        spec_min: Some(Spec { major: 1, minor: 2 }),
        spec_max: Some(Spec { major: 3, minor: 10 }),
        capabilities: Some(vec!["apm".into()]),
        experimental: true,
    };
    assert_eq!(config.routing.clients, [known(), vec![full, plain]].concat());
}

#[test]
fn sizes_have_units() {
    let cases = [
        ("1", Some(1)),
        ("2 B", Some(2)),
        ("3kB", Some(3_000)),
        ("3 KB", Some(3_000)),
        ("4 MB", Some(4_000_000)),
        ("5 GB", Some(5_000_000_000)),
        ("3 KiB", Some(3_072)),
        ("512 MiB", Some(512 << 20)),
        ("2gib", Some(2 << 30)),
        ("", None),
        ("0", None),
        ("0 MiB", None),
        ("MiB", None),
        ("1.5 MiB", None),
        ("-1", None),
        ("+1", None),
        ("1 TiB", None),
        ("1 MiB 2", None),
        ("18446744073709551616", None),
        ("18446744073709551615 kB", None),
    ];
    for (text, expected) in cases {
        assert_eq!(size(text), expected, "{text}");
    }
}

#[test]
fn every_setting_of_an_upstream_arrives() {
    let config = read(
        "distributions: {a: [elastic]}
upstreams:
  elastic:
    url: https://epr.example.org/epr/
    artifacts: https://files.example.org/packages
    redirects: [Files.example.org]
    ca: ca.pem
    proxy: http://proxy:3128
    headers_from: /run/headers
    contact: ops@example.org
    jobs: 8
    rate: 100/min
    bandwidth: 20MB/s
    timeouts: {connect: 1s, answer: 2s, idle: 3m, listing: 4h}
    retries: {tries: 1, first: 5ms, most: 6s, longest_wait: 7s, give_up: 8}
  other: {url: 'http://other', rate: off, bandwidth: off}
layers:
  elastic: {paths: e, mirror: {from: [elastic, other]}}
",
    );
    let expected = Upstream {
        artifacts: Some("https://files.example.org/packages".to_owned()),
        redirects: vec!["files.example.org".to_owned()],
        ca: Some("etc/ca.pem".into()),
        proxy: Some("http://proxy:3128".to_owned()),
        headers_from: Some("/run/headers".into()),
        contact: Some("ops@example.org".to_owned()),
        jobs: 8,
        rate: Some(Rate { requests: 100, per: Duration::from_secs(60) }),
        bandwidth: Some(20_000_000),
        timeouts: Timeouts {
            connect: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            idle: Duration::from_secs(180),
            listing: Duration::from_secs(14_400),
        },
        retries: Retries {
            tries: 1,
            first: Duration::from_millis(5),
            most: Duration::from_secs(6),
            longest_wait: Duration::from_secs(7),
            give_up: 8,
        },
        ..Upstream::at("https://epr.example.org/epr")
    };
    assert_eq!(config.upstreams["elastic"], expected);
    assert_eq!(config.upstreams["other"], Upstream { rate: None, ..Upstream::at("http://other") });
    assert_eq!(config.layers["elastic"].mirror.as_ref().unwrap().from, ["elastic", "other"]);
}

#[test]
fn names_are_safe_folders() {
    for good in ["a", "A1", "production", "in_house", "8.x", "a-b.c_d", "stores", "cached"] {
        assert_eq!(check_name(good), Ok(()), "{good}");
    }
    let long = "a".repeat(65);
    for bad in ["", ".", "..", "...", ".hidden", "_a", "-a", "a/b", "a b", "ä", "a\n", "store", "STORE", "cache", &long]
    {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}

/// The sample is what people copy: it must be accepted, name every key, and show defaults as what they are.
#[test]
fn the_sample_is_right_and_complete() {
    let config = read(SAMPLE);
    let default = Config::default();
    for (name, distribution) in &default.distributions {
        assert_eq!(config.distributions.get(name), Some(distribution), "{name}");
    }
    let production = Layer {
        paths: vec!["etc/packages/production".into()],
        overwrite: Some(Policy::Refuse),
        removal: Some(Policy::Refuse),
        shrink: Some(50),
        ..Layer::default()
    };
    assert_eq!(config.layers.get("production"), Some(&production));
    assert_eq!((&config.listen, config.limits), (&default.listen, default.limits));
    assert_eq!(config.routing.budget, default.routing.budget);
    assert_eq!(config.routing.clients.len(), default.routing.clients.len() + 1);

    let root = parse_plain(SAMPLE.as_bytes(), &yaml11::Limits::default()).unwrap().root;
    let value = |path: &[&str]| {
        path.iter().try_fold(&root, |value, key| match value {
            Plain::List(items, _) => items.first()?.get(key),
            value => value.get(key),
        })
    };
    let keys = |value: &Plain| -> BTreeSet<String> {
        let value = if let Plain::List(items, _) = value { &items[0] } else { value };
        let Plain::Map(entries, _) = value else { panic!("not a mapping") };
        let text = |scalar: &Scalar| if let Scalar::String(key) = scalar { key.clone() } else { panic!("not text") };
        entries.iter().map(|entry| text(&entry.key)).collect()
    };
    // The layers of package-storage are filled by people; the example of a mirrored one has the keys.
    let of_people: Vec<&str> = LAYER.iter().copied().filter(|key| !["mirror", "overrides"].contains(key)).collect();
    let sections: [(&[&str], &[&str]); 15] = [
        (&[], TOP),
        (&["distributions", "approved"], DISTRIBUTION),
        (&["layers", "production"], &of_people),
        (&["layers", "elastic", "mirror"], upstreams::MIRROR),
        (&["layers", "elastic", "overrides"], OVERRIDE),
        (&["layers", "elastic", "overrides", "deprecated"], DEPRECATED),
        (&["upstreams", "elastic"], upstreams::UPSTREAM),
        (&["upstreams", "elastic", "timeouts"], upstreams::TIMEOUTS),
        (&["upstreams", "elastic", "retries"], upstreams::RETRIES),
        (&["selections", "fleet"], selections::SELECTION),
        (&["selections", "fleet", "take"], selections::TAKE),
        (&["selections", "fleet", "exclude"], selections::EXCLUDE),
        (&["limits"], LIMITS),
        (&["budget"], BUDGET),
        (&["clients"], clients::CLIENT),
    ];
    for (path, known) in sections {
        let known: BTreeSet<String> = known.iter().map(|&key| key.to_owned()).collect();
        let mut named = keys(value(path).unwrap());
        if path == ["layers", "production"] {
            // Keys for an example have no file beside the sample.
            named.extend(keys(value(&["layers", "in_house"]).unwrap()));
        }
        // Keys that do not go together stand in several examples.
        let others = match path {
            ["distributions", "approved"] => vec![value(&["distributions", "mirrored"]).unwrap().clone()],
            ["selections", "fleet"] => vec![value(&["selections", "lite"]).unwrap().clone()],
            ["selections", "fleet", rules] => match value(&["selections", "fleet", rules]).unwrap() {
                Plain::List(rules, _) => rules.clone(),
                _ => panic!("not a list"),
            },
            // An upstream is a registry or an image.
            ["upstreams", "elastic"] => vec![value(&["upstreams", "saved"]).unwrap().clone()],
            _ => Vec::new(),
        };
        named.extend(others.iter().flat_map(keys));
        assert_eq!(named, known, "{path:?}");
    }
}

proptest! {
    /// Whatever the bytes, there is an answer, and a mistake can be found in the file.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        mistakes(&bytes);
    }

    /// Real keys with odd values reach further than bytes do.
    #[test]
    fn any_values_are_read_or_refused(
        lines in prop::collection::vec(("(distributions|layers|listen|limits|budget|clients|  a|  name|  - x|  max_depth|    paths)", "[ -~]{0,12}"), 0..8)
    ) {
        let text: String = lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        mistakes(text.as_bytes());
    }
}
