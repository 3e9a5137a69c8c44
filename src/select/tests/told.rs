//! What is told of a choice: reasons, losses, mistakes, and what others see less.

use super::*;

#[test]
fn what_is_taken_away_is_told() {
    let catalog = "
        a 1.0.0 kibana=^8.0.0
        a 1.5.0 kibana=^8.0.0
        a 2.0.0-rc1 kibana=^8.7.0";
    let told = |rules: &str| {
        let losses = made(catalog, rules, &[]).losses;
        let tell = |loss: &crate::select::Loss| {
            let choice = loss.choice.as_ref().map_or("none".to_owned(), ToString::to_string);
            format!("{} {:?}: {} -> {choice} ({})", loss.kibana, loss.asks, loss.whole, loss.because)
        };
        losses.iter().map(tell).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told("kibana: 8.6 - 8.8, take: [{name: a}]"), "");
    assert_eq!(
        told("kibana: 8.6 - 8.8, prerelease: no, take: [{name: a}]"),
        "8.7.0–8.8.x Prereleases: 2.0.0-rc1 -> 1.5.0 (prerelease: no)"
    );
    assert_eq!(
        told("kibana: 8.5 - 8.6, take: [{name: a, versions: '<1.5'}]"),
        "8.5.x Either: 1.5.0 -> 1.0.0 (take 1 (name: a, versions: <1.5)); 8.6.x Releases: 1.5.0 -> 1.0.0 (take 1 (name: a, versions: <1.5)); \
         8.6.x Prereleases: 1.5.0 -> 1.0.0 (take 1 (name: a, versions: <1.5))"
    );
    // Another rule that takes the package mends it.
    assert_eq!(told("kibana: 8.5 - 8.6, take: [{name: a, versions: '<1.5'}, {name: a}]"), "");
}

#[test]
fn reasons_are_told() {
    let choice = made(
        BACKPORTS,
        "kibana: 8.18 - 9.1, take: [{name: a}, {name: [a, b], prerelease: no}], previous: 1",
        &["a@1.0.0 8.18.0"],
    );
    let reasons: Vec<String> = choice
        .versions
        .iter()
        .flat_map(|((name, version), reasons)| reasons.iter().map(move |reason| format!("{name} {version}: {reason}")))
        .collect();
    let expected = [
        "a 1.0.0: take 1 (name: a), for Kibana 8.18.0–8.18.7, 8.19.0–8.19.4",
        "a 1.0.0: take 2 (name: [a, b], prerelease: no), for Kibana 8.18.0–8.18.7, 8.19.0–8.19.4 without pre-releases",
        "a 1.0.0: previous: below 1.1.0",
        "a 1.0.0: keep: installed at site",
        "a 1.0.0: keep: without it Kibana could not install again what is installed, for Kibana 8.18.0 without pre-releases",
        "a 1.1.0: take 1 (name: a), for Kibana 8.18.8–8.18.x, 8.19.5–8.x, 9.0.8–9.0.x, 9.1.5–9.1.x without pre-releases",
    ];
    assert_eq!(reasons[..6], expected);
    let left_out = |rules: &str, catalog: &str| {
        let choice = made(catalog, rules, &[]);
        let line = |((name, version), reason): (&crate::select::Key, &crate::select::LeftOut)| {
            format!("{name} {version}: {reason}")
        };
        choice.left_out.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        left_out("kibana: 8.19.5, take: [{name: a}], exclude: [{name: a, versions: '=1.0.0'}]", BACKPORTS),
        "a 1.0.0: exclude 1 (name: a, versions: =1.0.0)\n\
         a 1.2.0: no Kibana of the selection gets it: it needs Kibana ^9.2.0, its format is 3.5, above 3.4\n\
         a 2.0.0-beta1: no Kibana of the selection gets it: it needs Kibana ^9.0.0\n\
         b 0.1.0: no rule takes the package"
    );
    assert_eq!(
        left_out(
            "kibana: 9.1.5, prerelease: no, take: [{name: a}]",
            "a 1.0.0 spec=3.0\na 1.1.0 spec=3.0\na 1.2.0-rc1 spec=3.0"
        ),
        "a 1.0.0: every Kibana of the selection that accepts it gets a newer one, 1.1.0 or later\n\
         a 1.2.0-rc1: prerelease: no, and only Kibanas that ask for pre-releases get it"
    );
}

/// A package of which nothing is taken is not one that no rule is about.
#[test]
fn what_a_rule_means_and_no_kibana_gets_is_told() {
    let catalog = "
        a 1.0.0 kibana=^8.12.0
        b 1.0.0 kibana=^7.0.0
        c 1.0.0 kibana=^7.0.0 type=integration
        c 2.0.0 kibana=^8.0.0 type=input
        d 1.0.0 kibana=^7.0.0
        e 1.0.0-rc1 kibana=^7.0.0 type=input";
    let mut candidates = candidates(catalog);
    candidates[0].is_kibana_overridden = true;
    let told = |rules: &str, hidden: bool| {
        let mut candidates = candidates.clone();
        candidates[0].is_hidden = hidden;
        let choice =
            choose(&selection(rules), &candidates, &[]).unwrap_or_else(|mistakes| panic!("{rules}: {mistakes}"));
        let line = |((name, version), reason): (&crate::select::Key, &crate::select::LeftOut)| {
            format!("{name} {version}: {reason}")
        };
        choice.left_out.iter().map(line).collect::<Vec<_>>()
    };
    let no_kibana = "no Kibana of the selection gets it";
    let all = "kibana: 7.14.0, take: [{name: '*'}]";
    assert_eq!(told(all, false)[0], format!("a 1.0.0: {no_kibana}: it needs Kibana ^8.12.0, by an override"));
    assert_eq!(told(all, true)[0], format!("a 1.0.0: {no_kibana}: it is hidden"));
    // Of `c` the rule means a version that this Kibana does not get, and `d` no rule is about.
    assert_eq!(
        told("kibana: 7.14.0, take: [{name: b}, {type: input}]", false),
        [
            "a 1.0.0: no rule takes the package",
            "c 1.0.0: no rule that is about the package admits this version",
            &format!("c 2.0.0: {no_kibana}: it needs Kibana ^8.0.0"),
            "d 1.0.0: no rule takes the package",
        ]
    );
}

#[test]
fn rules_that_take_nothing_are_mistakes() {
    let catalog = "
        nginx 1.0.0 kibana=^8.0.0
        nginx_otel 1.0.0 kibana=^9.0.0 type=content
        system 1.0.0";
    for (rules, expected) in [
        (
            "take: [{name: [nginx, sytem]}]",
            "take 1 (name: [nginx, sytem]): no package is called `sytem`\nhint: did you mean `system`?",
        ),
        (
            "take: [{type: contents}, {name: nginxx}]",
            "take 1 (type: contents): no package has the type `contents`\nhint: did you mean `content`?\n\
             error: take 2 (name: nginxx): no package is called `nginxx`\nhint: did you mean `nginx`?",
        ),
        (
            "kibana: 8.9.0, take: [{name: '*_otel'}]",
            "take 1 (name: *_otel): no Kibana of the selection gets such a version of nginx_otel\n\
             hint: look at `kibana` of the selection; the newest nginx_otel needs Kibana ^9.0.0",
        ),
        (
            "take: [{name: nginx, type: content}]",
            "take 1 (name: nginx, type: content): no version is like this\nhint: leave out one condition after the other",
        ),
        (
            "take: [{owner: elastic}]",
            "take 1 (owner: elastic): no package says that its owner is of type `elastic`\n\
             hint: nothing to choose from says that: older packages do not, and older registries do not list it",
        ),
        ("take: [{pin: nginx@1.2.3}]", "nginx@1.2.3: there is no version 1.2.3 of nginx\nhint: there are 1.0.0"),
        (
            "take: [{name: nginx}], exclude: [{name: sistem}]",
            "exclude 1 (name: sistem): no package is called `sistem`\nhint: did you mean `system`?",
        ),
    ] {
        let mistakes = choose(&selection(rules), &candidates(catalog), &[]).expect_err(rules);
        assert_eq!(mistakes.to_string(), expected, "{rules}");
    }
    // Patterns of what is left out may be there for what comes later.
    check(catalog, &[("kibana: 8.9.0, take: [{name: nginx}], exclude: [{name: 'zz*'}]", "nginx 1.0.0")]);
}

#[test]
fn what_kibanas_outside_would_see_less_is_told() {
    let catalog = candidates("a 1.0.0 kibana=^7.0.0\n a 2.0.0 kibana=^8.0.0\n b 1.0.0\n c 1.0.0");
    let selection = selection("kibana: 8.5 - 8.7, take: [{name: [a, b]}]");
    let choice = choose(&selection, &catalog, &[]).unwrap();
    let outside = crate::select::seen_less_outside(&selection, &catalog, &choice);
    let told: Vec<_> = outside.iter().map(|one| format!("{}: {:?} {:?}", one.kibana, one.older, one.nothing)).collect();
    assert_eq!(told, [r#"7.x: [] ["a"]"#]);
}
