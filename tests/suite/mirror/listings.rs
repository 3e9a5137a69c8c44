//! Listings that are wrong, and what is done about them.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{INDEX, LISTING, Sample, World};
use std::io::Write;

fn samples() -> [Sample; 2] {
    [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// A listing that is of no use: the run ends with 3 and leaves the layer as it was.
#[test]
fn a_listing_that_is_none_ends_the_run() {
    let list = format!("[{}]", samples().map(|sample| sample.item()).join(","));
    let cut = &list.as_bytes()[..list.len() / 2];
    let bomb = gzip(&vec![b' '; 300 << 20]);
    let cases: Vec<(&str, Answer, &str)> = vec![
        ("404", Answer::status(404), "the answer is 404 Not Found"),
        ("401", Answer::status(401), "the answer is 401 Unauthorized"),
        ("500", Answer::status(500), "the answer is 500 Internal Server Error"),
        ("204", Answer::new(204, &[], b""), "the answer is 204 No Content"),
        (
            "HTML",
            Answer::ok(b"<!DOCTYPE html><title>Sign in</title>"),
            "it is not a JSON array: it begins with `<!DOCTYPE",
        ),
        ("null", Answer::ok(b"null"), "it is not a JSON array: it begins with `null`"),
        ("object", Answer::ok(b"{\"items\": []}"), "it is not a JSON array"),
        ("nothing", Answer::ok(b""), "it is not a JSON array"),
        ("cut off, as a length says", Answer::declared(200, &[], cut, list.len()), "the connection broke"),
        ("cut off, and nothing says so", Answer::ok(cut), "it ends in the middle, after 0 elements"),
        ("cut off, in chunks", Answer::chunked(200, &[], cut, false), "the connection broke"),
        ("more than one", Answer::ok(format!("{list}{list}").as_bytes()), "something follows the array"),
        (
            "gzip that is none",
            Answer::new(200, &[("Content-Encoding", "gzip")], list.as_bytes()),
            "it cannot be unpacked",
        ),
        ("gzip bomb", Answer::new(200, &[("Content-Encoding", "gzip")], &bomb), "it has more than 268435456 bytes"),
        (
            "br",
            Answer::new(200, &[("Content-Encoding", "br")], list.as_bytes()),
            "compressed (`br`), which nobody asked for",
        ),
        (
            "an element of 2 MiB",
            Answer::ok(format!("[{{\"description\":\"{}\"}}]", "x".repeat(2 << 20)).as_bytes()),
            "it has more than 1048576 bytes in element 1",
        ),
        (
            "200,001 elements",
            Answer::ok(format!("[{}0]", "0,".repeat(200_000)).as_bytes()),
            "more than 200000 elements",
        ),
    ];
    for (name, answer, words) in cases {
        let world = World::new(&samples(), "", "");
        world.upstream.answer(LISTING, answer);
        let run = world.mirror("");
        assert_eq!(run.code, 3, "{name}: {run:#?}");
        assert!(run.stderr.contains("error: the listing of upstream up cannot be had: "), "{name}: {run:#?}");
        assert!(run.stderr.contains(words) && run.stderr.contains("\nhint: "), "{name}: {run:#?}");
        assert!(world.placed().is_empty(), "{name}");
        assert!(!world.case.path("up/.epr-build/mirror.json").exists(), "{name}");
    }
}

/// An element that says what cannot be is named, and the others are mirrored.
#[test]
fn an_element_that_cannot_be_is_named_and_the_others_count() {
    let good = Sample::new("alpha", "1.0.0");
    let item = |name: &str, version: &str, download: &str| {
        format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"download\":\"{download}\"}}")
    };
    let cases = [
        (good.item(), "error: alpha 1.0.0: it is listed twice; the first one counts"),
        (item("../x", "1.0.0", ""), "error: element 2 of the listing: `../x` is not the name of a package"),
        (item("a/b", "1.0.0", ""), "error: element 2 of the listing: `a/b` is not the name of a package"),
        (item("a\\u0000b", "1.0.0", ""), "is not the name of a package"),
        (item("b", "1.0", ""), "error: b: `1.0`: invalid semantic version"),
        (
            item("b", "1.0.0", "https://evil.example/b-1.0.0.zip"),
            "error: b 1.0.0: its `download` is `https://evil.example/b-1.0.0.zip`, where registries have `/epr/b/b-1.0.0.zip`",
        ),
        (item("b", "1.0.0", "/epr/b/../../b-1.0.0.zip"), "error: b 1.0.0: its `download` is"),
        (format!("{}1{}", "[".repeat(2000), "]".repeat(2000)), "error: element 2 of the listing: not a version"),
        ("{\"name\": nonsense}".to_owned(), "error: element 2 of the listing: not a version"),
    ];
    for (bad, words) in cases {
        let world = World::new(std::slice::from_ref(&good), "", "");
        world.list(&format!("[{},{bad}]", good.item()));
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{bad}: {run:#?}");
        assert!(run.stderr.contains(words), "{words}: {run:#?}");
        assert!(run.stderr.contains(&format!("  --> {}{LISTING}", world.upstream.url())), "{run:#?}");
        assert_eq!(world.placed(), World::expected(std::slice::from_ref(&good)), "{bad}");
    }
}

#[test]
fn a_compressed_listing_is_asked_for_and_read() {
    let samples = samples();
    let world = World::new(&samples, "", "");
    let list = format!("[{}]", samples.clone().map(|sample| sample.item()).join(","));
    let answer = Answer::new(200, &[("Content-Encoding", "gzip")], &gzip(list.as_bytes()));
    world.upstream.script(LISTING, move |asked| {
        assert_eq!(asked.headers["accept-encoding"], "gzip");
        answer.clone()
    });
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples));
}

/// A listing that lost most of its versions stops the run until somebody looks.
#[test]
fn a_listing_that_shrinks_is_stopped_and_what_is_held_stays() {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0"];
    let samples: Vec<_> = versions.iter().map(|version| Sample::new("alpha", version)).collect();
    let world = World::new(&samples, "", "");
    assert_eq!(world.mirror("").code, 0);
    let before = world.state();
    for kept in [&samples[..1], &[]] {
        world.list(&format!("[{}]", kept.iter().map(Sample::item).collect::<Vec<_>>().join(",")));
        let run = world.mirror("");
        assert_eq!(run.code, 2, "{run:#?}");
        let words = format!("error: upstream up lists {} versions, the last time 10: nothing was done\n", kept.len());
        assert!(run.stderr.starts_with(&words) && run.stderr.contains("--accept-loss goes on"), "{run:#?}");
        assert_eq!(world.state(), before);
    }
    world.list(&format!("[{}]", samples[0].item()));
    let run = world.mirror("--accept-loss");
    assert_eq!(run.code, 0, "{run:#?}");
    let words = "warning: gone upstream, and kept here: alpha 1.1.0, alpha 1.2.0, alpha 1.3.0, alpha 1.4.0, alpha 1.5.0 and 4 more\n";
    assert_eq!(run.stderr, words);
    assert_eq!(world.placed(), World::expected(&samples));
    assert_eq!(world.record("alpha", "1.9.0")["state"], "gone-upstream");
    // One less of ten is no slip, and what comes back is held again.
    world.serve(&samples[1..]);
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stderr.contains("gone upstream, and kept here: alpha 1.0.0\n"), "{run:#?}");
    assert!(run.stderr.contains("note: listed again: alpha 1.1.0, "), "{run:#?}");
    assert_eq!(world.record("alpha", "1.9.0")["state"], "held");
    // An upstream that never listed anything is a wrong address.
    let world = World::new(&[], "", "");
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.starts_with("error: upstream up lists no version: nothing was done\n"), "{run:#?}");
}

/// Nothing new is one request, and three new versions are what they need.
#[test]
fn requests_are_no_more_than_needed() {
    let samples = samples();
    let world = World::new(&samples, "", "");
    assert_eq!(world.mirror("").code, 0);
    let mut expected = vec!["/".to_owned(), INDEX.to_owned(), LISTING.to_owned()];
    let of = |sample: &Sample| {
        let path = sample.path();
        [format!("/package/{}/{}/", sample.name, sample.version), path.clone(), format!("{path}.sig")]
    };
    expected.extend(samples.iter().flat_map(of));
    expected.sort();
    assert_eq!(world.upstream.paths(), expected);
    let before = world.state();
    for _ in 0..2 {
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert!(run.stdout.starts_with("up: nothing is new; 2 versions held\n"), "{run:#?}");
        assert_eq!(world.upstream.paths(), [LISTING]);
        assert_eq!(world.state(), before);
    }
    let new = [Sample::new("alpha", "1.1.0"), Sample::new("beta", "2.0.0-beta.1"), Sample::new("gamma", "0.1.0")];
    world.serve(&[&samples[..], &new[..]].concat());
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    let mut expected = vec!["/".to_owned(), INDEX.to_owned(), LISTING.to_owned()];
    expected.extend(new.iter().flat_map(of));
    expected.sort();
    assert_eq!(world.upstream.paths(), expected);
    assert_eq!(world.placed(), World::expected(&[&samples[..], &new[..]].concat()));
    // What is missing in the layer is fetched again although the listing is the same.
    std::fs::remove_file(world.case.path("up/gamma/gamma-0.1.0.zip")).unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.upstream.paths(), ["/epr/gamma/gamma-0.1.0.zip", "/epr/gamma/gamma-0.1.0.zip.sig", LISTING]);
    // What a command took out is not.
    let removed = world.case.run(&["remove", "gamma@0.1.0", "--from", "up", "--reason", "not needed"]);
    assert_eq!(removed.code, 0, "{removed:#?}");
    for _ in 0..2 {
        let run = world.mirror("");
        assert_eq!(run.code, 0, "{run:#?}");
        assert_eq!(world.upstream.paths(), [LISTING]);
    }
    assert!(!world.case.path("up/gamma/gamma-0.1.0.zip").exists());
    let run = world.mirror("--only gamma@0.1.0");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(world.case.path("up/gamma/gamma-0.1.0.zip").exists());
}

/// One of two upstreams that cannot be asked hinders the other as little as it takes back what it listed.
#[test]
fn an_upstream_that_cannot_be_asked_hinders_no_other() {
    let (ours, theirs) = (Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0"));
    let world = World::new(std::slice::from_ref(&ours), "", "");
    let second = World::new(std::slice::from_ref(&theirs), "", "");
    world.reconfigure(|config| {
        let more = format!("upstreams:\n  second: {{url: \"{}\"}}\n", second.upstream.url());
        config.replace("upstreams:\n", &more).replace("from: [up]", "from: [up, second]")
    });
    assert_eq!(world.mirror("").code, 0);
    world.upstream.answer(LISTING, Answer::status(503));
    for path in [INDEX, "/"] {
        world.upstream.answer(path, Answer::status(503));
    }
    let more = Sample::new("gamma", "1.0.0");
    second.serve(&[Sample::of("alpha", "1.0.0", "not theirs to give"), theirs.clone(), more.clone()]);
    for _ in 0..2 {
        let run = world.mirror("");
        assert_eq!(run.code, 3, "{run:#?}");
        assert!(run.stderr.starts_with("error: the listing of upstream up cannot be had: "), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&[ours.clone(), theirs.clone(), more.clone()]));
        assert!(run.stdout.contains("held       3 versions"), "{run:#?}");
    }
    assert_eq!(world.record("alpha", "1.0.0")["state"], "held");
}

/// Of two upstreams the first one that lists a version gives it.
#[test]
fn the_first_upstream_that_lists_a_version_gives_it() {
    let ours = Sample::of("alpha", "1.0.0", "the first");
    let theirs = [Sample::of("alpha", "1.0.0", "the second"), Sample::new("beta", "1.0.0")];
    let world = World::new(std::slice::from_ref(&ours), "", "");
    let second = World::new(&theirs, "", "");
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let more = format!("upstreams:\n  second: {{url: \"{}\"}}\n", second.upstream.url());
    let config = config.replace("upstreams:\n", &more).replace("from: [up]", "from: [up, second]");
    std::fs::write(world.case.path("epr-build.yml"), config).unwrap();
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[ours, theirs[1].clone()]));
    assert_eq!(world.record("beta", "1.0.0")["upstream"], "second");
    assert!(second.upstream.paths().iter().all(|path| !path.contains("alpha")));
}
