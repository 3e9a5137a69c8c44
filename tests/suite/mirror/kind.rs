//! Our own server as an upstream: what comes over is what was there, byte for byte.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::world::{QUICK, Sample, World};
use crate::harness::Case;
use crate::in_process::Server;
use epr_build::serve::ServeOptions;

/// A layer of zips with signatures, built and served; mirrored, it gives the same generation.
#[test]
fn a_mirror_of_our_own_server_is_the_same_to_the_byte() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0-beta.1"), Sample::new("beta", "2.0.0")];
    let unsigned = Sample { signature: None, ..Sample::new("gamma", "1.0.0") };
    let samples = [&samples[..], &[unsigned]].concat();
    let source = Case::new().config("distributions: {mirrored: [up]}\nlayers: {up: {paths: up}}\nui: no\n");
    let add = |samples: &[Sample]| {
        for (path, bytes) in World::expected(samples) {
            let path = source.path("up").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let run = source.run(&["--dist", "mirrored", "--quiet"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    };
    add(&samples);
    let server = Server::start(ServeOptions::new(source.path("out/mirrored/current")));
    let world = World::new(&[], "", "");
    std::fs::write(
        world.case.path("epr-build.yml"),
        format!(
            "distributions: {{mirrored: [up]}}\nupstreams: {{up: {{url: \"http://{}\", {QUICK}}}}}\n\
             layers: {{up: {{paths: up, mirror: {{from: [up]}}}}}}\nui: no\n",
            server.address
        ),
    )
    .unwrap();
    let outcome = |arguments: &str| {
        let run = world.mirror(&format!("{arguments} --format json"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()[0].clone()
    };
    let first = outcome("");
    assert_eq!(world.placed(), World::expected(&samples));
    // The index, the listing, `/`, and for each version its zip and signature.
    assert_eq!(first["requests"], 3 + 4 + 3, "{first}");
    let second = outcome("");
    assert_eq!((&second["requests"], &second["unchanged"]), (&1.into(), &true.into()), "{second}");
    assert_eq!(second["bytes"], 0, "the answer is 304: {second}");
    let new = [Sample::new("alpha", "1.2.0"), Sample::new("beta", "2.1.0"), Sample::new("delta", "1.0.0")];
    add(&new);
    let third = loop {
        // The server sees the new generation in its own time.
        let outcome = outcome("");
        if outcome["unchanged"] == false {
            break outcome;
        }
    };
    assert_eq!(third["requests"], 3 + 3 * 2, "{third}");
    assert_eq!(world.placed(), World::expected(&[&samples[..], &new[..]].concat()));
    let run = world.case.run(&["--dist", "mirrored", "--quiet"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    let id =
        |case: &Case| std::fs::canonicalize(case.path("out/mirrored/current")).unwrap().file_name().unwrap().to_owned();
    assert_eq!(id(&world.case), id(&source));
}
