//! Connections that break, servers in trouble, ranges, redirects, silence: right bytes in the end, or a word why not.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::{Answer, Asked};
use super::world::{LISTING, Sample, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PATH: &str = "/epr/beta/beta-1.0.0.zip";
const ETAG: (&str, &str) = ("ETag", "\"one\"");

fn sample() -> Sample {
    Sample::of("beta", "1.0.0", &"A long text without much of a pattern: 3.14159265358979. ".repeat(40))
}

fn world(script: impl Fn(&Asked, &[u8]) -> Answer + Send + Sync + 'static) -> World {
    let sample = sample();
    let world = World::new(std::slice::from_ref(&sample), "", "");
    world.upstream.script(PATH, move |asked| script(asked, &sample.zip));
    world
}

/// The number of the byte that a request wants first.
fn from(asked: &Asked) -> Option<usize> {
    asked.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// The first answer breaks off after 300 bytes; the second one is as the case has it; any further one is whole.
#[test]
fn a_zip_that_broke_off_is_right_in_the_end() {
    type Second = fn(&Asked, &[u8]) -> Answer;
    let cases: &[(&str, (&str, &str), bool, Second)] = &[
        ("the right rest", ETAG, true, |asked, zip| Answer::rest(zip, from(asked).unwrap(), zip.len(), &[ETAG])),
        ("the right rest, by date", ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), true, |asked, zip| {
            Answer::rest(zip, from(asked).unwrap(), zip.len(), &[])
        }),
        ("a rest from elsewhere", ETAG, true, |_, zip| Answer::rest(zip, 100, zip.len(), &[ETAG])),
        ("a rest of something longer", ETAG, true, |asked, zip| {
            Answer::rest(zip, from(asked).unwrap(), zip.len() + 7, &[ETAG])
        }),
        ("a rest without its place", ETAG, true, |asked, zip| Answer::new(206, &[ETAG], &zip[from(asked).unwrap()..])),
        ("the rest of another file", ETAG, true, |asked, zip| {
            Answer::rest(&vec![7; zip.len()], from(asked).unwrap(), zip.len(), &[("ETag", "\"two\"")])
        }),
        ("everything", ETAG, true, |_, zip| Answer::new(200, &[("ETag", "\"two\"")], zip)),
        ("416", ETAG, true, |_, _| Answer::status(416)),
        ("503", ETAG, true, |_, _| Answer::status(503)),
        ("weak tag", ("ETag", "W/\"one\""), false, |_, zip| Answer::ok(zip)),
        ("no validator", ("X-Nothing", "1"), false, |_, zip| Answer::ok(zip)),
    ];
    for &(name, validator, asks_for_rest, second) in cases {
        let world = world(move |asked, zip| match asked.before {
            0 => Answer::new(200, &[validator], zip).cut_after(300),
            1 => second(asked, zip),
            _ => match from(asked) {
                Some(from) => Answer::rest(zip, from, zip.len(), &[validator]),
                None => Answer::new(200, &[validator], zip),
            },
        });
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
        assert_eq!(world.placed(), World::expected(&[sample()]), "{name}");
        let asked: Vec<_> = world.upstream.asked().into_iter().filter(|asked| asked.path == PATH).collect();
        assert_eq!(asked[1].headers.get("range").map(String::as_str), asks_for_rest.then_some("bytes=300-"), "{name}");
        assert_eq!(
            asked[1].headers.get("if-range").map(String::as_str),
            asks_for_rest.then_some(validator.1),
            "{name}"
        );
    }
}

/// A connection that is reset in the middle of a zip, as by a proxy that is started anew.
#[test]
fn a_connection_that_is_reset_is_begun_again() {
    let world = world(|asked, zip| match from(asked) {
        None if asked.before == 0 => Answer::new(200, &[ETAG], zip).reset_after(300),
        None => Answer::new(200, &[ETAG], zip),
        Some(from) => Answer::rest(zip, from, zip.len(), &[ETAG]),
    });
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[sample()]));
    assert_eq!(world.upstream.asked().iter().filter(|asked| asked.path == PATH).count(), 2);
    let always = self::world(|_, zip| Answer::new(200, &[ETAG], zip).reset_after(0));
    let run = always.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: the connection broke: "), "{run:#?}");
}

/// Two upstreams on one server: what it wishes counts for both.
#[test]
fn a_server_that_is_left_alone_is_left_alone_under_every_name() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    let world = World::new(&[], "", "");
    for (path, sample) in ["/one", "/two"].into_iter().zip(&samples) {
        world.upstream.answer(&format!("{path}{LISTING}"), Answer::ok(format!("[{}]", sample.item()).as_bytes()));
        world.upstream.answer(&format!("{path}{}", sample.path()), Answer::ok(&sample.zip));
        let signature = sample.signature.as_ref().unwrap();
        world.upstream.answer(&format!("{path}{}.sig", sample.path()), Answer::ok(signature));
    }
    let url = world.upstream.url();
    world.reconfigure(|_| {
        let quick = super::world::QUICK;
        format!(
            "distributions: {{mirrored: [up, other]}}\n\
             upstreams:\n  one: {{url: \"{url}/one\", {quick}}}\n  two: {{url: \"{url}/two\", {quick}}}\n\
             layers:\n  up: {{paths: up, mirror: {{from: [one, two]}}}}\n  other: {{paths: other, mirror: {{from: [two]}}}}\n"
        )
    });
    let wait = Answer::new(429, &[("Retry-After", "86400")], b"");
    world.upstream.answer(&format!("/one{}", samples[0].path()), wait);
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert_eq!(run.stderr.matches("asks to be left alone for 24 h").count(), 2, "{run:#?}");
    let paths = world.upstream.paths();
    assert!(paths.iter().all(|path| !path.starts_with("/two/epr/")), "{paths:?}");
    assert_eq!(
        paths.iter().filter(|path| path.starts_with("/two/search")).count(),
        1,
        "not for the other layer: {paths:?}"
    );
    // The next run begins anew.
    world.upstream.answer(&format!("/one{}", samples[0].path()), Answer::ok(&samples[0].zip));
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.placed(), World::expected(&samples));
}

/// What gives access for a while stands in the query of a redirect, and in no message.
#[test]
fn a_redirect_that_is_refused_is_shown_without_its_query() {
    for to in
        ["http://localhost/x.zip?token=secret", "ftp://127.0.0.1/x?token=secret", "http://secret@localhost/#secret"]
    {
        let world = World::new(std::slice::from_ref(&sample()), "", "");
        world.upstream.answer(PATH, Answer::redirect(302, to));
        for arguments in ["", "--dry-run", "--format json"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 1, "{to}: {run:#?}");
            assert!(!run.stderr.contains("secret") && !run.stdout.contains("secret"), "{to}: {run:#?}");
        }
        let record = std::fs::read_to_string(world.case.path("up/.epr-build/mirror.json")).unwrap();
        assert!(record.contains("a redirect ") && !record.contains("secret"), "{record}");
    }
}

/// What a run could not finish the next one goes on with.
#[test]
fn the_next_run_goes_on_where_one_ended() {
    let world = world(|asked, zip| match from(asked) {
        None => Answer::new(200, &[ETAG], zip).cut_after(300),
        Some(300) if asked.before < 3 => Answer::rest(zip, 300, zip.len(), &[ETAG]).cut_after(0),
        Some(from) => Answer::rest(zip, from, zip.len(), &[ETAG]),
    });
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: the connection broke"), "{run:#?}");
    assert!(world.placed().is_empty());
    assert_eq!(std::fs::read(world.case.path("up/.epr-build/partial/beta-1.0.0.zip")).unwrap(), sample().zip[..300]);
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[sample()]));
}

/// A server that asks to be left alone is, and then it is asked again.
#[test]
fn a_server_in_trouble_is_given_time() {
    let date = || epr_build::base::time::http(epr_build::base::time::now() + 2);
    for (name, status, wait, longest) in [
        ("seconds", 429, "1".to_owned(), true),
        ("a date", 503, String::new(), true),
        ("nonsense", 429, "soon".to_owned(), false),
        ("the past", 503, "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), false),
    ] {
        // A date is soon past.
        let wait = if name == "a date" { date() } else { wait };
        let world = world(move |asked, zip| {
            if asked.before % 2 == 0 { Answer::new(status, &[("Retry-After", &wait)], b"") } else { Answer::ok(zip) }
        });
        let begin = Instant::now();
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
        assert_eq!(world.placed(), World::expected(&[sample()]), "{name}");
        assert!(!longest || begin.elapsed() >= Duration::from_millis(900), "{name}: {:?}", begin.elapsed());
    }
    // Too long to wait for: the run ends, with what it has.
    let world = world(|_, _| Answer::new(429, &[("Retry-After", "86400")], b""));
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    let words = "error: upstream up: the answer is 429 Too Many Requests, and asks to be left alone for 24 h\n\
                 hint: run it again later; what was fetched stays\n";
    assert_eq!(run.stderr, words, "{run:#?}");
}

/// No more requests than allowed are under way, however much is to be fetched.
#[test]
fn requests_at_a_time_are_bounded() {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0"];
    let samples: Vec<_> = versions.iter().map(|version| Sample::new("beta", version)).collect();
    for (jobs, option, most) in [("jobs: 2", "", 2), ("jobs: 2", "--requests 3", 3)] {
        let world = World::new(&samples, "", jobs);
        let (now, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for sample in &samples {
            let (now, highest, zip) = (Arc::clone(&now), Arc::clone(&highest), sample.zip.clone());
            world.upstream.script(&sample.path(), move |_| {
                highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(50));
                now.fetch_sub(1, Ordering::SeqCst);
                Answer::ok(&zip)
            });
        }
        let run = world.mirror(option);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert_eq!(highest.load(Ordering::SeqCst), most);
    }
}

/// A registry that fails in a row is given up, and what came before stays.
#[test]
fn a_server_that_fails_in_a_row_is_given_up() {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0"];
    let mut samples: Vec<_> = versions.iter().map(|version| Sample::new("beta", version)).collect();
    samples.push(Sample::new("alpha", "1.0.0"));
    let world = World::new(&samples, "", "jobs: 1");
    for version in versions {
        world.upstream.answer(&format!("/epr/beta/beta-{version}.zip"), Answer::status(500));
    }
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert!(
        run.stderr.contains("error: upstream up: 20 requests in a row failed, the last one: the answer is 500"),
        "{run:#?}"
    );
    assert_eq!(world.placed(), World::expected(&samples[10..]));
    let asked = world.upstream.paths().iter().filter(|path| path.starts_with("/epr/beta")).count();
    // Those of others that succeeded in between begin the row anew.
    assert!((20..=30).contains(&asked), "{asked}");
}

/// Redirects are followed where they may lead, and credentials never leave the server that they are for.
#[test]
fn redirects_stay_within_bounds_and_secrets_at_home() {
    let other = super::upstream::Upstream::start();
    let zip = sample().zip;
    other.answer("/x.zip", Answer::ok(&zip));
    let port = other.address.split_once(':').unwrap().1.to_owned();
    let cases = [
        ("within the server", "/moved.zip".to_owned(), "", true, ""),
        ("to another port", format!("http://127.0.0.1:{port}/x.zip"), "", true, ""),
        ("to a host that is named", format!("http://localhost:{port}/x.zip"), "redirects: [localhost], ", true, ""),
        ("to a host that is not", format!("http://localhost:{port}/x.zip"), "", false, "leads to the host `localhost`"),
        ("to a file", "file:///etc/passwd".to_owned(), "", false, "not asked by HTTP"),
        ("to itself", PATH.to_owned(), "", false, "more than 5 redirects"),
    ];
    for (name, to, more, is_followed, words) in cases {
        for status in [301, 302, 307, 308] {
            let sample = sample();
            let world = World::new(std::slice::from_ref(&sample), "", &format!("{more}headers_from: secret"));
            std::fs::write(world.case.path("secret"), "Authorization: Bearer of-the-ring\n").unwrap();
            world.upstream.answer(PATH, Answer::redirect(status, &to));
            world.upstream.answer("/moved.zip", Answer::ok(&sample.zip));
            let run = world.mirror("");
            assert_eq!(run.code, i32::from(!is_followed), "{name} {status}: {run:#?}");
            assert!(run.stderr.contains(words), "{name} {status}: {run:#?}");
            assert_eq!(!world.placed().is_empty(), is_followed, "{name} {status}");
            let (here, there) = (world.upstream.asked(), other.asked());
            assert!(here.iter().all(|asked| asked.headers["authorization"] == "Bearer of-the-ring"), "{name}");
            assert!(there.iter().all(|asked| !asked.headers.contains_key("authorization")), "{name}");
            if is_followed {
                let url = world.record("beta", "1.0.0")["url"].as_str().unwrap().to_owned();
                assert!(url.ends_with(to.rsplit_once('/').unwrap().1), "{url}");
            }
        }
    }
}

/// Silence at any moment is not waited out.
#[test]
fn silence_is_not_borne_for_long() {
    type Silence = fn(&[u8]) -> Answer;
    let cases: &[(&str, Silence, &str)] = &[
        ("before the head", |zip| Answer::ok(zip).hang_after(0), "no answer within 0.7 s"),
        ("in the head", |zip| Answer::ok(zip).hang_after(20), "no answer within 0.7 s"),
        ("in the body", |zip| Answer::ok(zip).hang_after(400), "nothing came for 0.7 s"),
        ("a trickle", |zip| Answer::ok(zip).trickle(Duration::from_millis(50)), "within 0.7 s"),
    ];
    for &(name, silence, words) in cases {
        let world = world(move |_, zip| silence(zip));
        let begin = Instant::now();
        let run = world.mirror("");
        assert_eq!(run.code, 3, "{name}: {run:#?}");
        assert!(run.stderr.contains("error: beta 1.0.0: ") && run.stderr.contains(words), "{name}: {run:#?}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{name}");
        assert!(world.placed().is_empty(), "{name}");
    }
    // Once is borne.
    let once = world(|asked, zip| if asked.before == 0 { Answer::ok(zip).hang_after(400) } else { Answer::ok(zip) });
    let run = once.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(once.placed(), World::expected(&[sample()]));
}

/// A registry that is not there, and a proxy that does not let through.
#[test]
fn what_cannot_be_reached_is_said() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = super::upstream::Upstream::start();
    for (url, more, words) in [
        (format!("http://{nobody}"), String::new(), "no connection: Connection refused"),
        ("http://no-such-host.invalid".to_owned(), String::new(), "no connection: "),
        ("http://epr.example.org".to_owned(), format!(", proxy: \"http://{nobody}\""), "no connection: "),
        ("https://epr.example.org".to_owned(), format!(", proxy: \"{}\"", proxy.url()), "no connection: "),
    ] {
        let world = World::new(&[], "", "");
        let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
        let own = format!("url: \"{}\"", world.upstream.url());
        let config = config.replace(&own, &format!("url: \"{url}\"{more}"));
        std::fs::write(world.case.path("epr-build.yml"), config).unwrap();
        let run = world.mirror("");
        assert_eq!(run.code, 3, "{url}: {run:#?}");
        assert!(run.stderr.starts_with("error: the listing of upstream up cannot be had: "), "{run:#?}");
        assert!(run.stderr.contains(words), "{words}: {run:#?}");
        assert!(world.upstream.asked().is_empty());
    }
    // A proxy is asked for everything that is not here.
    let sample = sample();
    let world = World::new(std::slice::from_ref(&sample), "", "");
    let behind = Arc::new(format!("[{}]", sample.item()));
    proxy.script(&format!("http://epr.example.org{LISTING}"), move |_| Answer::ok(behind.as_bytes()));
    proxy.answer(&format!("http://epr.example.org{PATH}"), Answer::ok(&sample.zip));
    proxy.answer(&format!("http://epr.example.org{PATH}.sig"), Answer::ok(sample.signature.as_ref().unwrap()));
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let own = format!("url: \"{}\"", world.upstream.url());
    let config =
        config.replace(&own, &format!("url: \"http://epr.example.org\", proxy: \"{}\", rate: off", proxy.url()));
    std::fs::write(world.case.path("epr-build.yml"), config).unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[sample]));
}

/// Where a redirect leads to there is a server as well, which others ask straight: what it wishes counts for all of them.
#[test]
fn a_server_behind_a_redirect_is_left_alone_as_well() {
    let (behind, sample) = (super::upstream::Upstream::start(), Sample::new("alpha", "1.0.0"));
    let world = World::new(std::slice::from_ref(&sample), "", "");
    world.upstream.answer(&sample.path(), Answer::redirect(302, &format!("{}/files/a.zip", behind.url())));
    behind.answer("/files/a.zip", Answer::new(429, &[("Retry-After", "86400")], b""));
    behind.answer(LISTING, Answer::ok(b"[]"));
    let quick = super::world::QUICK;
    let more = "layers:\n  other: {paths: other, mirror: {from: [behind]}}\n  up:";
    let behind_too = format!("  behind: {{url: \"{}\", {quick}}}\nlayers:", behind.url());
    world.reconfigure(|text| {
        let text = text.replace("[up]}\n", "[up, other]}\n").replace("layers:\n  up:", more);
        text.replace("layers:", &behind_too)
    });
    let run = world.mirror("up other");
    assert_eq!(run.code, 3, "{run:#?}");
    assert_eq!(run.stderr.matches("asks to be left alone for 24 h").count(), 2, "{run:#?}");
    assert_eq!(behind.paths(), ["/files/a.zip"]);
}
