//! What is taken beside what rules take: pins, what is required, discovered or replaced.

use super::*;

#[test]
fn pins_bring_what_is_needed_to_install_them_again() {
    let catalog = "
        a 1.0.0 kibana=^8.0.0
        a 1.1.0 kibana=^8.0.0
        a 2.0.0 kibana=^9.0.0 spec=3.0
        b 1.0.0 spec=3.0";
    check(catalog, &[("kibana: 8.9.0, take: [{pin: a@1.0.0}]", "a 1.0.0, a 1.1.0")]);
    let with = |pins: &[&str]| made(catalog, "kibana: 9.0.0, take: [{name: b}]", pins);
    // The Kibana of the site is asked, too, beside those of the selection.
    assert_eq!(versions(&with(&["a@1.0.0 8.9.0"])), "a 1.0.0, a 1.1.0, a 2.0.0, b 1.0.0");
    assert_eq!(versions(&with(&["a@1.0.0"])), "a 1.0.0, a 2.0.0, b 1.0.0");
    let unfit = with(&["a@1.0.0 7.17.0"]);
    assert_eq!(
        unfit.warnings,
        ["Kibana 7.17.0 accepts no version of a, so it cannot install 1.0.0 again that site has installed"]
    );
    let missing = with(&["a@3.0.0", "c@1.0.0 optional"]);
    assert_eq!(missing.missing, [pin("a@3.0.0")]);
    assert_eq!(versions(&missing), "b 1.0.0");
}

#[test]
fn requirements_are_closed_over() {
    let catalog = "
        a 1.0.0 needs=c@^1.0.0
        b 1.0.0 needs=c@>=1.1.0_<1.3.0,d@^9.0.0
        c 1.0.0
        c 1.2.0
        c 1.4.0 needs=e@*
        c 2.0.0
        c 1.5.0-rc1
        e 0.1.0 needs=a@*
        f 1.0.0 needs=c@nonsense
        g 1.0.0 puts_in=c@1.0.0";
    check(
        catalog,
        &[
            // The newest that satisfies, what Kibanas get of the package, and what that requires.
            ("kibana: 8.9.0, prerelease: no, take: [{name: a}]", "a 1.0.0, c 1.4.0, c 2.0.0, e 0.1.0"),
            // And the newest that satisfies both.
            (
                "kibana: 8.9.0, prerelease: no, take: [{name: [a, b]}]",
                "a 1.0.0, b 1.0.0, c 1.2.0, c 1.4.0, c 2.0.0, e 0.1.0",
            ),
            ("kibana: 8.9.0, take: [{name: g}]", "g 1.0.0"),
            ("kibana: 8.9.0, prerelease: no, take: [{name: g}], closure: build", "c 1.0.0, c 2.0.0, g 1.0.0"),
        ],
    );
    let warnings = |rules: &str| made(catalog, rules, &[]).warnings;
    assert_eq!(
        warnings("kibana: 8.9.0, take: [{name: [b, f]}]"),
        [
            "b 1.0.0 requires d ^9.0.0, of which nothing is there",
            "f 1.0.0 requires c nonsense, which is no range of versions",
        ]
    );
    assert_eq!(warnings("kibana: 8.9.0, take: [{name: a}]"), ["packages require each other in a circle: a, c, e"]);
    let some = "a 1.0.0 needs=c@^1.0.0\n c 1.0.0 kibana=^8.8.0";
    let choice = made(some, "kibana: 8.7 - 8.8, take: [{name: a}]", &[]);
    assert_eq!(choice.warnings, ["a 1.0.0 requires c ^1.0.0, of which no such version is there for Kibana 8.7.x"]);
    assert_eq!(versions(&choice), "a 1.0.0, c 1.0.0");
}

#[test]
fn content_is_discovered_and_replacements_are_followed() {
    let catalog = "
        nginx 1.0.0 data=nginx.access,nginx.error replaced=nginx_new
        nginx_new 1.0.0
        nginx_content 1.0.0 type=content datasets=nginx.access spec=3.0
        other_content 1.0.0 type=content datasets=other spec=3.0";
    check(
        catalog,
        &[
            ("kibana: 9.2.0, take: [{pin: nginx@1.0.0}], content: discovered", "nginx 1.0.0, nginx_content 1.0.0"),
            ("kibana: 9.1.0, take: [{pin: nginx@1.0.0}], content: discovered", "nginx 1.0.0"),
            ("kibana: 9.2.0, take: [{pin: nginx@1.0.0}]", "nginx 1.0.0"),
            ("kibana: 8.9.0, take: [{name: nginx}], follow_replacements: yes", "nginx 1.0.0, nginx_new 1.0.0"),
        ],
    );
    let choice = made(catalog, "kibana: 8.9.0, take: [{name: nginx}]", &[]);
    assert_eq!(choice.suggestions, ["nginx is deprecated; nginx_new takes its place and is not selected"]);
}

/// Whatever rules take, all of a layer is published that is so marked: with what it requires, and what Kibanas get of its packages.
#[test]
fn a_layer_may_be_published_as_a_whole() {
    let mut all = candidates(
        "
        own 1.0.0 kibana=^7.0.0
        own 1.1.0 kibana=^8.0.0 needs=needed@^1.0.0
        own 9.0.0 kibana=^8.0.0
        needed 1.0.0 kibana=^8.0.0
        other 1.0.0 kibana=^8.0.0
        more 1.0.0 kibana=^8.0.0",
    );
    for one in &mut all[..2] {
        one.is_whole = true;
    }
    let choice =
        choose(&selection("kibana: 8.19.0, take: [{name: more}], exclude: [{name: own, versions: <2.0.0}]"), &all, &[]);
    let choice = choice.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(versions(&choice), "more 1.0.0, needed 1.0.0, own 1.0.0, own 1.1.0, own 9.0.0");
    assert_eq!(choice.causes()["by whole layers"], 3);
}
