//! Real servers that include a generation, and are reloaded by others at any time.

use super::{build, case, case_with, current, include, target};
use crate::harness::Case;
use crate::incremental::add;
use crate::routers::client::Client;
use crate::routers::{apache, caddy, haproxy};
use crate::running::{self, Running};
use crate::switching::{DISTRIBUTION, TARGETS, belongs, free_port, wait_until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The path of the registry in servers that hold more than it.
const PREFIX: &str = "/epr/moving";

/// A link, and the registry behind it.
struct Link {
    at: PathBuf,
    distribution: &'static str,
    prefix: String,
}

/// What a test writes into the configuration of a server.
struct Wanted<'a> {
    case: &'a Case,
    address: &'a str,
    /// What the configuration includes, the first with the sizes of tables.
    links: &'a [Link],
    /// Where `/marker` is redirected to: it tells which configuration is in use.
    marker: &'a str,
}

impl Wanted<'_> {
    fn state(&self) -> String {
        self.case.path("state").display().to_string()
    }

    /// A line for each link.
    fn each(&self, line: impl Fn(&str, usize) -> String) -> String {
        let links = self.links.iter().enumerate();
        links.map(|(number, link)| line(link.at.to_str().unwrap(), number) + "\n").collect()
    }
}

/// A server that was there before.
struct Server {
    name: &'static str,
    is_there: fn() -> bool,
    /// Writes the configuration.
    configure: fn(&Wanted),
    /// The server with the configuration.
    command: fn(&Wanted) -> Command,
    /// Lets it read its configuration again.
    reload: fn(&Case, &Running),
    /// What it needs behind it.
    behind: fn(&Case) -> Option<Running>,
}

fn signal(server: &Running, name: &str) {
    assert!(
        Command::new("kill").arg(format!("-{name}")).arg(server.process.id().to_string()).status().unwrap().success()
    );
}

fn nginx_text(wanted: &Wanted, top: &str, server: &str) -> String {
    let (state, address, marker) = (wanted.state(), wanted.address, wanted.marker);
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|it| format!("{it}_temp_path {state}/temp;"));
    format!(
        "pid {state}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n{top}\
         server {{\nlisten {address};\nlocation = /marker {{ return 302 /{marker}; }}\n{server}}}\n}}\n",
        temporary.concat()
    )
}

const NGINX: Server = Server {
    name: "nginx",
    is_there: || running::binary("nginx").is_some(),
    configure: |wanted| {
        let maps =
            wanted.each(|link, number| format!("include {link}/{}.conf;", if number == 0 { "http" } else { "maps" }));
        let rules = wanted.each(|link, _| format!("include {link}/server.conf;"));
        fs::write(wanted.case.path("state/nginx.conf"), nginx_text(wanted, &maps, &rules)).unwrap();
    },
    command: |wanted| running::nginx_command(&running::binary("nginx").unwrap(), &wanted.case.path("state")),
    reload: |_, server| signal(server, "HUP"),
    behind: |_| None,
};

const APACHE: Server = Server {
    name: "apache",
    is_there: || apache::binary().is_some(),
    configure: |wanted| {
        let (state, address, marker) = (wanted.state(), wanted.address, wanted.marker);
        let modules = ["mpm_event", "alias", "asis", "authz_core", "headers", "proxy", "proxy_http", "rewrite"].map(|name| {
            format!("<IfModule !{name}_module>\nLoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n</IfModule>\n")
        });
        let includes = wanted.each(|link, _| format!("Include {link}/virtual-host.conf"));
        let text = format!(
            "ServerName here\nListen {address}\nPidFile {state}/pid\nDefaultRuntimeDir {state}\nErrorLog /dev/stderr\n{}\
             <Directory />\nAllowOverride None\nRequire all denied\n</Directory>\n\
             <VirtualHost *>\nRedirect 302 /marker /{marker}\n{includes}</VirtualHost>\n",
            modules.concat()
        );
        fs::write(wanted.case.path("state/httpd.conf"), text).unwrap();
    },
    command: |wanted| {
        let state = wanted.case.path("state");
        // It gives up being root.
        fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        apache::command(&apache::binary().unwrap(), &state, Path::new("/nowhere"))
    },
    reload: |_, server| signal(server, "USR1"),
    behind: |_| None,
};

const CADDY: Server = Server {
    name: "caddy",
    is_there: || running::binary("caddy").is_some(),
    configure: |wanted| {
        let (state, marker, port) = (wanted.state(), wanted.marker, wanted.address.rsplit(':').next().unwrap());
        let imports = wanted.each(|link, _| format!("import {link}/site.caddy"));
        let text = format!(
            "{{\nadmin unix/{state}/admin.sock\nauto_https off\ngrace_period 1s\nlog {{\nlevel ERROR\n}}\n}}\n\
             http://:{port} {{\nredir /marker /{marker}\n{imports}}}\n"
        );
        fs::write(wanted.case.path("state/Caddyfile"), text).unwrap();
    },
    command: |wanted| {
        caddy::command(&running::binary("caddy").unwrap(), &wanted.case.path("state"), Path::new("Caddyfile"))
    },
    reload: |case, _| {
        let address = format!("unix/{}/admin.sock", case.path("state").display());
        let mut command = Command::new(running::binary("caddy").unwrap());
        command.args(["reload", "--adapter", "caddyfile", "--config"]).arg(case.path("state/Caddyfile"));
        let output = command.args(["--address", &address]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    },
    behind: |_| None,
};

const HAPROXY: Server = Server {
    name: "haproxy",
    is_there: || haproxy::binary().is_some(),
    configure: |wanted| {
        let (address, marker) = (wanted.address, wanted.marker);
        let uses = wanted
            .links
            .iter()
            .map(|link| format!("  use_backend epr_{} if {{ path_beg {}/ }}\n", link.distribution, link.prefix));
        let uses: String = uses.collect();
        let text = format!(
            "global\n  maxconn 200\ndefaults\n  mode http\n  timeout client 9s\n  timeout connect 9s\n  timeout server 9s\n\
             frontend main\n  bind {address}\n  http-request redirect location /{marker} if {{ path /marker }}\n{uses}"
        );
        fs::write(wanted.case.path("state/haproxy.cfg"), text).unwrap();
    },
    command: |wanted| {
        let mut command = Command::new(running::binary("haproxy").unwrap());
        command.args(["-W", "-f"]).arg(wanted.case.path("state/haproxy.cfg")).stdin(Stdio::null());
        for link in wanted.links {
            command.arg("-f").arg(link.at.join("registry.cfg"));
        }
        command.env("EPR_ORIGIN", fs::read_to_string(wanted.case.path("state/origin")).unwrap());
        command
    },
    reload: |_, server| signal(server, "USR2"),
    // The whole output folder.
    behind: |case| {
        let origin = haproxy::origin(&case.path("out"), &case.path("state/behind"));
        fs::write(case.path("state/origin"), &origin.address).unwrap();
        Some(origin)
    },
};

impl Server {
    fn start(&self, case: &Case, links: &[Link]) -> Running {
        fs::create_dir_all(case.path("state")).unwrap();
        let behind = (self.behind)(case);
        let mut server = running::start(self.name, |address| {
            let wanted = Wanted { case, address, links, marker: "first" };
            (self.configure)(&wanted);
            (self.command)(&wanted)
        });
        server.behind = behind.map(Box::new);
        server
    }

    /// Somebody changes the configuration and reloads the server; waits until it is in use.
    fn reload(&self, case: &Case, links: &[Link], server: &Running, marker: &str) {
        (self.configure)(&Wanted { case, address: &server.address, links, marker });
        (self.reload)(case, server);
        let end = format!("/{marker}");
        let reads = || {
            let response = Client::connect(&server.address).ask("/marker", &[]);
            response.header("location").is_some_and(|location| location.ends_with(&end))
        };
        // Processes with the former configuration take connections for a moment.
        let is_settled = || {
            (0..20).all(|_| {
                reads() && {
                    std::thread::sleep(Duration::from_millis(10));
                    true
                }
            })
        };
        wait_until(&format!("{} reads `{marker}`", self.name), is_settled);
    }
}

/// All of a generation is served, and nothing of another.
fn check_whole(server: &Running, prefix: &str, number: usize) {
    let mut client = Client::connect(&server.address);
    for target in TARGETS {
        assert_eq!(belongs(target, &client.ask(&format!("{prefix}{target}"), &[])), number, "{target}");
    }
    for (target, status) in [
        ("/categories", 200),
        ("/search?package=nothing", 200),
        ("/search?kibana.version=x", 400),
        ("/package/moving/9.9.9/", 404),
        ("/package/moving/1.0.0/none", 404),
        ("/nothing", 404),
    ] {
        assert_eq!(client.ask(&format!("{prefix}{target}"), &[]).status, status, "{target}");
    }
}

/// Includes a generation, builds another, lets others reload the server, and switches.
fn check_switch(host: &Server, prefix: &str) {
    if !(host.is_there)() {
        return;
    }
    let case = case(prefix);
    add(&case.path("packages/production/other/1.0.0"), "other", "1.0.0", "stays");
    build(&case, 1);
    include(&case, host.name, &[]);
    let links = [Link { at: case.path("etc/epr"), distribution: DISTRIBUTION, prefix: prefix.to_owned() }];
    let server = host.start(&case, &links);
    check_whole(&server, prefix, 1);
    build(&case, 2);
    host.reload(&case, &links, &server, "foreign");
    check_whole(&server, prefix, 1);
    build(&case, 3);
    check_whole(&server, prefix, 1);
    include(&case, host.name, &[]);
    check_whole(&server, prefix, 1);
    host.reload(&case, &links, &server, "ours");
    check_whole(&server, prefix, 3);
    build(&case, 4);
    host.reload(&case, &links, &server, "again");
    check_whole(&server, prefix, 3);

    if host.name == "haproxy" {
        return;
    }
    let history = Client::connect(&server.address).ask(&format!("{prefix}/ui/history.json"), &[]);
    assert_eq!((history.status, history.header("content-type")), (200, Some("application/json")));
    // A release is of its own generation, and comes with any reload.
    assert_eq!(case.run(&["release", "8.5.0", "--dist", DISTRIBUTION]).code, 0);
    host.reload(&case, &links, &server, "released");
    check_whole(&server, prefix, 3);
    check_whole(&server, &format!("{prefix}/release/8.5.0"), 4);
}

#[test]
fn nginx_goes_on_with_its_generation_whoever_reloads_it() {
    check_switch(&NGINX, PREFIX);
}

#[test]
fn nginx_goes_on_with_its_generation_in_a_server_of_the_registry_alone() {
    check_switch(&NGINX, "");
}

#[test]
fn apache_goes_on_with_its_generation_whoever_reloads_it() {
    check_switch(&APACHE, PREFIX);
}

#[test]
fn caddy_goes_on_with_its_generation_whoever_reloads_it() {
    check_switch(&CADDY, PREFIX);
}

#[test]
fn haproxy_goes_on_with_its_generation_whoever_reloads_it() {
    check_switch(&HAPROXY, PREFIX);
}

/// Our own server at the socket of a case, as a fallback.
fn serve_at_socket(case: &Case) -> Running {
    let socket = case.path("state/fallback.sock");
    let listen = format!("unix:{}", socket.display());
    let mut command = case.command(&["serve", "--dist", DISTRIBUTION, "--quiet", "--listen", &listen]);
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let running = Running { process, address: listen, behind: None };
    wait_until("the fallback listens", || socket.exists());
    running
}

/// Behind a server that includes a generation our own one is its fallback. It answers by the generation that is included,
/// also when another one is in use, and by that of a release.
fn check_fallback(host: &Server) {
    // The list as the tables have it, and the same list as no table has it.
    const HELD: &str = "/search?package=moving";
    const UNHELD: &str = "/search?package=moving&type=integration";
    if !(host.is_there)() {
        return;
    }
    let case = case_with(PREFIX, |case| format!(", fallback: 'unix:{}'", case.path("state/fallback.sock").display()));
    fs::create_dir_all(case.path("state")).unwrap();
    build(&case, 1);
    include(&case, host.name, &[]);
    let links = [Link { at: case.path("etc/epr"), distribution: DISTRIBUTION, prefix: PREFIX.to_owned() }];
    let server = host.start(&case, &links);
    let fallback = serve_at_socket(&case);
    let ask =
        |below: &str, target: &str| Client::connect(&server.address).ask(&format!("{PREFIX}{below}{target}"), &[]);
    let check = |below: &str, number: usize| {
        let (held, computed) = (ask(below, HELD), ask(below, UNHELD));
        assert_eq!(belongs(HELD, &held), number, "{}: {held:?}", host.name);
        assert_eq!((computed.status, &computed.body), (200, &held.body), "{}{below}: {computed:?}", host.name);
        assert_eq!(computed.header("access-control-allow-origin"), Some("*"), "{}: {computed:?}", host.name);
    };
    check("", 1);
    build(&case, 2);
    check("", 1);
    check_whole(&server, PREFIX, 1);
    if host.name != "haproxy" {
        assert_eq!(case.run(&["release", "8.5.0", "--dist", DISTRIBUTION]).code, 0);
        host.reload(&case, &links, &server, "released");
        // The fallback looks for releases now and then.
        wait_until("the release is there", || ask("/release/8.5.0", UNHELD).status == 200);
        check("/release/8.5.0", 2);
        check("", 1);
    }
    drop(fallback);
    assert!(!case.path("state/fallback.sock").exists());
    let down = ask("", UNHELD);
    assert_eq!((down.status, down.header("cache-control")), (503, Some("max-age=0, private, no-store")), "{down:?}");
    check_whole(&server, PREFIX, 1);
}

#[test]
fn included_generations_have_a_fallback_that_answers_by_them() {
    [NGINX, APACHE, CADDY, HAPROXY].iter().for_each(check_fallback);
}

/// Two distributions in one server: neither sees a table, a rule or a file of the other.
fn check_two(host: &Server) {
    if !(host.is_there)() {
        return;
    }
    let distribution = |name: &str| {
        format!("  {name}: {{layers: [{name}], prefix: /epr/{name}, listen: 127.0.0.1:{}}}\n", free_port())
    };
    let mut case = Case::new().config(&format!("distributions:\n{}{}", distribution("one"), distribution("two")));
    fs::create_dir(case.path("etc")).unwrap();
    for (layer, names) in [("one", ["alpha", "shared"]), ("two", ["shared", "zeta"])] {
        for name in names {
            case = case.package(&format!("packages/{layer}"), name, "1.0.0", &format!("of {layer}"));
        }
    }
    assert_eq!(case.run(&["--dist", "one", "--dist", "two", "--quiet"]).code, 0);
    let links = ["one", "two"].map(|name| {
        let at = case.path("etc").join(name);
        let run = case.run(&["include", host.name, "--dist", name, "--at", at.to_str().unwrap()]);
        assert_eq!(run.code, 0, "{run:#?}");
        Link { at, distribution: name, prefix: format!("/epr/{name}") }
    });
    let server = host.start(&case, &links);
    let mut client = Client::connect(&server.address);
    for (name, own, foreign) in [("one", "alpha", "zeta"), ("two", "zeta", "alpha")] {
        let mut get = |target: &str| client.ask(&format!("/epr/{name}{target}"), &[]);
        let found = |body: Vec<u8>| {
            let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
            list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = found(get("/search?kibana.version=8.15.0").body);
        assert_eq!(all.len(), 2, "{}: {name}: {all:?}", host.name);
        assert!(all.contains(&own.to_owned()), "{}: {name}: {all:?}", host.name);
        assert_eq!(found(get(&format!("/search?package={own}")).body), [own], "{}: {name}", host.name);
        assert!(found(get(&format!("/search?package={foreign}")).body).is_empty(), "{}: {name}", host.name);
        assert_eq!(get(&format!("/package/{own}/1.0.0/")).status, 200, "{}: {name}", host.name);
        assert_eq!(get(&format!("/package/{foreign}/1.0.0/")).status, 404, "{}: {name}", host.name);
        let text = String::from_utf8(get("/package/shared/1.0.0/docs/README.md").body).unwrap();
        assert!(text.contains(&format!("of {name}")), "{}: {text}", host.name);
    }
}

#[test]
fn servers_include_two_distributions() {
    [NGINX, APACHE, CADDY, HAPROXY].iter().for_each(check_two);
}

/// Whether nginx takes a configuration, and what it says.
fn is_taken(case: &Case, text: &str) -> (bool, String) {
    fs::create_dir_all(case.path("state")).unwrap();
    fs::write(case.path("state/nginx.conf"), text).unwrap();
    let mut command = running::nginx_command(&running::binary("nginx").unwrap(), &case.path("state"));
    let output = command.arg("-t").output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

// The two files of nginx are read one after the other, so a switch may come between.
#[test]
fn nginx_refuses_files_of_two_generations() {
    if running::binary("nginx").is_none() {
        return;
    }
    for prefix in ["", PREFIX] {
        let case = case(prefix);
        build(&case, 1);
        include(&case, "nginx", &[]);
        let one = target(&case);
        build(&case, 2);
        include(&case, "nginx", &[]);
        let two = target(&case);
        for (maps, rules, is_good) in [(&one, &one, true), (&one, &two, false), (&two, &one, false), (&two, &two, true)]
        {
            let wanted = Wanted { case: &case, address: "127.0.0.1:8199", links: &[], marker: "x" };
            let [maps, rules] = [maps.join("http.conf"), rules.join("server.conf")]
                .map(|path| format!("include {};\n", path.display()));
            let (taken, said) = is_taken(&case, &nginx_text(&wanted, &maps, &rules));
            assert_eq!(taken, is_good, "{maps}{rules}{said}");
            assert!(is_good || said.contains("unknown \"epr_"), "{said}");
        }
        // Sizes that are set already are no obstacle.
        let set = format!("map_hash_max_size 4096;\ninclude {}/maps.conf;\n", two.display());
        let set = set.replace(
            "4096;",
            "4096;\nmap_hash_bucket_size 256;\nvariables_hash_max_size 32768;\nvariables_hash_bucket_size 256;",
        );
        let wanted = Wanted { case: &case, address: "127.0.0.1:8199", links: &[], marker: "x" };
        let (taken, said) =
            is_taken(&case, &nginx_text(&wanted, &set, &format!("include {}/server.conf;\n", two.display())));
        assert!(taken && !said.contains("warn"), "{said}");
    }
}

/// The file that the generated sample has become when it was copied away and adapted.
fn adapted(case: &Case, address: &str) -> String {
    let generation = case.path(&format!("out/{DISTRIBUTION}/generations")).join(current(case));
    let sample = fs::read_to_string(generation.join("hosts/nginx/tls.sample.conf")).unwrap();
    let state = sample.lines().find_map(|line| line.strip_prefix("pid ")?.strip_suffix(".pid;")).unwrap();
    let text = sample
        .replace(state, case.path("state/nginx").to_str().unwrap())
        .replace("listen 80;", &format!("listen 127.0.0.1:{};", free_port()))
        .replace("listen 443 ", &format!("listen {address} "))
        .replace("/etc/nginx/epr", case.path("etc/epr").to_str().unwrap())
        .replace("/etc/ssl/certs/epr.pem", case.path("state/epr.pem").to_str().unwrap())
        .replace("/etc/ssl/private/epr.key", case.path("state/epr.key").to_str().unwrap());
    assert!(!text.contains("/etc/ssl") && !text.contains("/etc/nginx"), "{text}");
    text
}

// The sample with TLS works wherever it is copied to: HTTP/2, and redirects that name neither scheme nor host.
#[test]
fn the_sample_with_tls_works_when_it_is_copied_away() {
    let Some(binary) = running::binary("nginx") else { return };
    let (Some(openssl), Some(curl)) = (running::binary("openssl"), running::binary("curl")) else { return };
    for prefix in ["", PREFIX] {
        let case = case(prefix);
        fs::create_dir(case.path("state")).unwrap();
        build(&case, 1);
        include(&case, "nginx", &[]);
        let mut command = Command::new(&openssl);
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-out"]);
        command.arg(case.path("state/epr.pem")).arg("-keyout").arg(case.path("state/epr.key"));
        let made = command.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let server = running::start("nginx", |address| {
            fs::write(case.path("state/nginx.conf"), adapted(&case, address)).unwrap();
            running::nginx_command(&binary, &case.path("state"))
        });
        let get = |target: &str| {
            let url = format!("https://{}{prefix}{target}", server.address);
            let output = Command::new(&curl).args(["-sik", "--http2", &url]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let redirect = get("/search/?package=x");
        assert!(redirect.starts_with("HTTP/2 301"), "{redirect}");
        assert!(redirect.contains(&format!("\r\nlocation: {prefix}/search?package=x\r\n")), "{redirect}");
        let list = get("/search");
        assert!(list.starts_with("HTTP/2 200") && list.contains("generation-1."), "{list}");
        let history = get("/ui/history.json");
        assert!(history.starts_with("HTTP/2 200"), "{history}");
        if !prefix.is_empty() {
            let url = format!("https://{}/elsewhere", server.address);
            let output = Command::new(&curl).args(["-sik", "--http2", &url]).output().unwrap();
            assert!(output.stdout.starts_with(b"HTTP/2 404"), "{output:?}");
        }
    }
}
