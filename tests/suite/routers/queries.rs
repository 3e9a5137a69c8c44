//! Requests by chance: whatever clients send, and whatever nobody should.

use super::site::{Dice, Site};

/// The parameters that count.
pub(super) const NAMES: &[&str] = &[
    "kibana.version",
    "agent.version",
    "spec.min",
    "spec.max",
    "capabilities",
    "prerelease",
    "experimental",
    "all",
    "package",
    "category",
    "type",
    "include_policy_templates",
];

const LOOKALIKES: &[&str] = &[
    "kibana_version",
    "kibanaxversion",
    "xkibana.version",
    "KIBANA.VERSION",
    "kibana%2Eversion",
    "Package",
    "packag%65",
    "internal",
    "foo",
    "",
    "kibana.version ",
    "discovery.x",
    "Discovery",
    "%",
    "spec.mi",
    "a+b",
    "kibana+version",
];

/// Values by parameter, in the order of [`NAMES`]: the right, the odd and the wrong.
fn value(dice: &mut Dice, site: &Site, name: &str) -> String {
    let value = fixed_value(dice, site, name);
    if dice.below(8) == 0 { respell(dice, &value) } else { value }
}

/// The same value with some bytes escaped, and sometimes one byte more.
fn respell(dice: &mut Dice, value: &str) -> String {
    let mut spelled = String::new();
    for letter in value.chars() {
        match (dice.below(6), u8::try_from(letter)) {
            (0, Ok(byte)) if byte.is_ascii() => spelled += &format!("%{byte:02x}"),
            (1, Ok(byte)) if byte.is_ascii() => spelled += &format!("%{byte:02X}"),
            _ => spelled.push(letter),
        }
    }
    match dice.below(4) {
        0 => {
            spelled + *dice.pick(&["%20", "+", "%00", "%2F", "%E2%82%AC", "%2", "%zz", ";", "%2B", "%2C", "%2E", "%5F"])
        }
        _ => spelled,
    }
}

fn fixed_value(dice: &mut Dice, site: &Site, name: &str) -> String {
    let flags = [
        "true", "false", "1", "0", "t", "T", "F", "True", "False", "TRUE", "FALSE", "tRUE", "yes", "", "%74", "+1", "2",
    ];
    let fixed: &[&str] = match name {
        "kibana.version" | "agent.version" => return version(dice, site),
        "spec.min" | "spec.max" => &[
            "1.0",
            "2.3",
            "2.4",
            "2.10",
            "3.0",
            "3.5",
            "3.6",
            "0.9",
            "v2.3",
            "02.03",
            "2",
            "2.3.4",
            "2.x",
            "",
            "2.0-beta",
            "2.0-01",
            "2.0-b.c",
            "2-b.c",
            "2.0-",
            "2.0+x",
            "2%2E0",
            "2.0%2Bx",
            "99999999999999999999.0",
            "4.7",
            "vv1.0",
            ".0",
            "1.",
        ],
        "capabilities" => &[
            "apm",
            "Apm",
            "APM",
            "apm,observability",
            "observability%2Capm",
            "security%2ca-p.m,Apm",
            "unknown",
            ",",
            "apm,,apm",
            "Apm,a-p.m,apm,observability,security",
            "security,observability,apm,a-p.m,Apm,more",
            "",
            "apm+x",
            "%61pm",
            "apm%20",
            "a-p,m",
            "xapm",
            "apm!",
        ],
        "package" => &[
            "nginx",
            "apache_2",
            "0",
            "NGINX",
            "Nginx",
            "unknown",
            "",
            "ngin%78",
            "a+b",
            "../x",
            "no-dash",
            "a|b",
            "é",
            "..%2F..%2Fetc",
            "%00",
        ],
        "category" => &[
            "web",
            "Web",
            "WEB",
            "aws.x-Y",
            "aws.x-y",
            "no way",
            "unknown",
            "",
            "no%20way",
            "a+b",
            "../x",
            "|",
            "a|b",
            "%E2%82%AC",
            ".web",
        ],
        "type" => &["input", "Input", "Solution", "solution", "unknown", "", "a/b", "in%70ut"],
        "discovery" => &[
            "fields:a",
            "datasets:b,c",
            "fields%3Aa",
            "datasets%3a",
            "fields",
            "",
            "foo:a",
            "%66ields:a",
            "Fields:a",
            "fields+:",
        ],
        _ => &flags,
    };
    (*dice.pick(fixed)).to_owned()
}

fn version(dice: &mut Dice, site: &Site) -> String {
    let odd = [
        "",
        "8",
        "v8",
        "8.11",
        "08.011.001",
        "V8.0.0",
        "8.x",
        "8.11.2.1",
        "8.11.2-SNAPSHOT",
        "8-a.b-c",
        "8.1-01",
        "8.1-0a",
        "8.1-",
        "8.11.2%2Bmeta.01",
        "8.11.2-pre%2bmeta",
        "8%2B",
        "8.11.2%2B_",
        "8.11.2%2Ba%2Bb",
        "8.11.2+meta",
        "8.11.2%2D1",
        "8.1.0%20",
        "8.1%2E0",
        "8%",
        "abc",
        "99999999999999999999.1",
        "8.99999999999999999999",
        "8.99999999999999999999.x",
        "0000000000000000000000008.1",
        "9223372036854775807",
        "9999999999999999999.0.1",
        "8..1",
        ".8",
        "8.11.2 ",
        "8.-1",
        "8.1-a..b",
        "vv8",
        "8.11.2-%2B",
        "18446744073709551616-0",
        "8.1-99999999999999999999999",
    ];
    match dice.below(4) {
        0 => (*dice.pick(&odd)).to_owned(),
        1 => format!("{}.{}.{}", dice.below(12), dice.below(24), dice.below(130)),
        2 => format!("{}{}", ["8.1.", "8.1.0-", "8.0.0%2B"][dice.below(3)], "1".repeat(230 + dice.below(40))),
        _ => {
            let [major, minor, patch] = *dice.pick(&site.routes.kibana_boundaries);
            let mut near = |number: u64| (number + dice.below(3) as u64).saturating_sub(1);
            format!("{}.{}.{}", if major % 2 == 0 { major } else { near(major) }, near(minor), near(patch))
        }
    }
}

/// One target of `/search` or `/categories`.
pub(super) fn query(dice: &mut Dice, site: &Site) -> String {
    let endpoint = if dice.below(4) == 0 { "/categories" } else { "/search" };
    let pairs: Vec<_> = (0..dice.below(6)).map(|_| pair(dice, site)).collect();
    let mut query = pairs.join("&");
    if dice.below(100) == 0 {
        query.insert(dice.below(query.len() + 1).min(query.find('%').unwrap_or(0)), ';');
    }
    // Spaces may not stand in a request line.
    format!("{endpoint}?{query}").replace(' ', "%20")
}

fn pair(dice: &mut Dice, site: &Site) -> String {
    let chance = dice.below(100);
    if chance < 5 {
        return format!("{}={}", dice.pick(LOOKALIKES), version(dice, site));
    }
    if chance < 8 {
        return format!("discovery={}", value(dice, site, "discovery"));
    }
    let name = *dice.pick(NAMES);
    match chance {
        8 => name.to_owned(),
        9 => format!("{name}={}=x", value(dice, site, name)),
        10 => "discovery".to_owned(),
        11..60 => format!("{name}={}", good(dice, site, name)),
        _ => format!("{name}={}", value(dice, site, name)),
    }
}

/// A value that is probably right, so that many requests get past all checks.
fn good(dice: &mut Dice, site: &Site, name: &str) -> String {
    let fixed: &[&str] = match name {
        "kibana.version" | "agent.version" => {
            let [major, minor, patch] = *dice.pick(&site.routes.kibana_boundaries);
            return format!("{major}.{minor}.{}", patch + dice.below(2) as u64);
        }
        "spec.min" => &["1.0", "2.3", "2.9", "3.0"],
        "spec.max" => &["3.0", "3.5", "2.10", "3.1"],
        "capabilities" => &["apm", "Apm", "apm%2Cobservability", "security,a-p.m,Apm", "x"],
        "package" => &["nginx", "apache_2", "0"],
        "category" => &["web", "Web", "aws.x-Y"],
        "type" => &["input", "Solution"],
        _ => &["true", "false"],
    };
    (*dice.pick(fixed)).to_owned()
}

/// One target of any other path.
pub(super) fn path(dice: &mut Dice) -> String {
    const WHOLE: &[&str] = &[
        "/",
        "/index.json",
        "/index/packages.json",
        "/index/packages.json.gz",
        "/index",
        "/search/",
        "/search/?a=b;c&%",
        "/categories/?x",
        "/search",
        "/SEARCH",
        "/search%2F",
        "/health",
        "/health?x",
        "/health/",
        "/favicon.ico",
        "//search",
        "/./search",
        "/x/../categories",
        "/%73earch",
        "/answers/empty.json",
        "/answers/",
        "/answers",
        "/documents/nginx/1.2.3.json",
        "/-plain/package/nginx/1.2.3/dump.txt",
        "/-type-0/package/nginx/1.2.3/font",
        "/package",
        "/package/",
        "/package/nginx",
        "/package/nginx/",
        "/epr",
        "/epr/nginx/",
        "/metrics",
        "/index.html",
        "/search.json",
        "/..",
        "/%2e%2e/x",
        "/%00",
        "/%",
        "/epr/nginx/nginx-1.2.3.zip",
        "/epr/package/nginx-1.2.3.zip.sig",
        "/epr/x/nginx-2.0.0-beta+1.zip",
        "/epr/x/nginx-2.0.0-beta%2B1.zip.sig",
        "/epr/fo-o/fo-o-1.0.0.zip",
        "/epr/Foo/Foo-1.0.0.zip",
        "/epr/foo/foo-1.0.0.tar.gz",
        "/epr/a/b/nginx-1.2.3.zip",
        "/epr/x/nginx-.zip",
        "/epr/x/nginx-9.9.9.zip",
        "/epr/x/nginx-9.9.9.zip.sig",
        "/epr/x/nginx-1.2.3.zip%0A",
        "/epr/nginx/nginx-1.2.3.zip/",
        "/epr/x/nginx-1.2.zip",
        "/epr/nginx/nginx-1.2.3.zip.gz",
        "/search%0A",
        "/routes.json",
        "/../routes.json",
        "/package/nginx/1.2.3/%2e%2e/%2e%2e/%2e%2e/%2e%2e/routes.json",
    ];
    const PAGES: &[&str] = &[
        "/ui",
        "/ui?q=a%20b&x",
        "/ui/",
        "/ui/?q=a",
        "//ui//",
        "/ui/.",
        "/ui/..",
        "/ui/./x/../",
        "/%75i",
        "/%75i/",
        "/ui%2F",
        "/ui%2Fx%2F",
        "/UI/",
        "/uix",
        "/uix/",
        "/ui/index.html",
        "/ui/index.html/",
        "/ui/app.js",
        "/ui/app.js?v=1",
        "/ui/app%2Ejs",
        "/ui/app.js.gz",
        "/ui/app.js%2Egz",
        "/ui/.gz",
        "/ui/app.js/",
        "/ui/mark.svg",
        "/ui/none",
        "/ui/x",
        "/ui/x/",
        "/ui/x.gz",
        "/ui/x/.gz",
        "/ui/x-1/a_b.json",
        "/ui/x-1/",
        "/ui/a%20b.json",
        "/ui/%0A",
        "/ui/%0a/",
        "/ui/x%0A",
        "/ui/a+b",
        "/ui/%C3%A9/",
        "/ui/%00",
        "/ui/%3F",
        "/ui/%25",
        "/ui/missing",
        "/ui/missing/",
        "/ui/missing.html",
        "/ui/../search/",
        "/ui/%2e%2e/index.json",
        "/x/../ui/x/",
    ];
    const NAMES: &[&str] = &["nginx", "nginx", "nginx", "fo-o", "Nginx", "unknown", "..", "%6eginx", "a%20b"];
    const VERSIONS: &[&str] = &[
        "1.2.3",
        "1.2.3",
        "1.2.3",
        "2.0.0-beta+1",
        "2.0.0-beta%2B1",
        "9.9.9",
        "1.2",
        "01.2.3",
        "latest",
        "v1.2.3",
        "1.2.3-01",
        "1.2.3.json",
        "..",
        "1.2.3%0A",
        "99999999999999999999.0.0",
        "9999999999999999999.0.0",
    ];
    const FILES: &[&str] = &[
        "",
        "/",
        "//",
        "/manifest.yml",
        "/manifest.yml",
        "/manifest.yml.gz",
        "/manifest.yml/",
        "/manifest.yml/x",
        "/docs",
        "/docs/",
        "/docs/README.md",
        "/docs%2FREADME.md",
        "/img/logo.SVG",
        "/agent/stream.yml.hbs",
        "/font",
        "/Font",
        "/FONT",
        "/page",
        "/PAGE",
        "/Page",
        "/.yml",
        "/a%20b$&%22%7B%7D;%2541.x",
        "/dump.txt.gz",
        "/dump.txt",
        "/DUMP.TXT.GZ",
        "/missing",
        "/missing.json",
        "/missing.gz",
        "/../1.2.3/font",
        "/./font",
        "/%0Afont",
        "/font?x=y",
        "/%2e%2e/x",
    ];
    if dice.below(8) == 0 {
        (*dice.pick(PAGES)).to_owned()
    } else if dice.below(4) == 0 {
        (*dice.pick(WHOLE)).to_owned()
    } else {
        format!("/package/{}/{}{}", dice.pick(NAMES), dice.pick(VERSIONS), dice.pick(FILES))
    }
}
