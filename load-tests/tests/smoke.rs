//! Every mode once, with tiny numbers, against the gateway that was built beside it: that it runs to its end, finds all
//! that was acknowledged, and tells its figures. What the figures are is nobody's business here.

#[cfg(test)]
mod modes {
    use std::fs;
    use std::io::{BufRead as _, BufReader};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Output, Stdio};

    use serde_json::Value;

    /// A folder of a test's own.
    fn folder(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("load-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn usher() -> PathBuf {
        Path::new(env!("CARGO_BIN_EXE_usher-load")).with_file_name("usher")
    }

    fn load(folder: &Path, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher-load"));
        command.args(args.split_whitespace()).arg("--folder").arg(folder);
        command.arg("--json").arg(folder.join("figures.json")).output().unwrap()
    }

    /// Runs a mode, which must find all of what it says was checked; its figures.
    #[track_caller]
    fn run(name: &str, args: &str) -> Value {
        let folder = folder(name);
        succeed(&folder, &load(&folder, args))
    }

    #[track_caller]
    fn succeed(folder: &Path, output: &Output) -> Value {
        let (told, faults) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}{faults}");
        let report: Value = serde_json::from_slice(&fs::read(folder.join("figures.json")).unwrap()).unwrap();
        let line = format!("nothing acknowledged is missing ({} checked)", report["checked"]);
        assert!(told.contains(&line), "{told}");
        assert!(report["checked"].as_u64().unwrap() > 0, "{told}");
        report
    }

    #[track_caller]
    fn assert_has(report: &Value, figures: &[&str]) {
        for name in figures {
            assert!(report["figures"][name]["median"].is_number(), "{name}: {report:#}");
        }
    }

    #[test]
    fn connect_begins_each_conversation_and_the_rounds_are_apart() {
        let report = run("connect", "connect --count 40 --in-flight 8 --rounds 2");
        // Those before the clock starts are checked too.
        assert_eq!((&report["checked"], report["rounds"].as_array().unwrap().len()), (&160.into(), 2));
        assert_has(&report, &["authenticated conversations begun", "start p99"]);
    }

    #[test]
    fn message_sends_in_a_closed_loop() {
        let report = run("closed", "message --widgets 8 --seconds 1");
        assert_has(&report, &["messages accepted", "ack p99.9", "generator core busy"]);
    }

    #[test]
    fn message_sends_at_a_constant_rate() {
        let report = run("open", "message --widgets 8 --seconds 1 --rate 100");
        // A start for each widget, and every message that was due.
        assert_eq!(report["checked"], 108);
        assert_has(&report, &["messages accepted", "ack p99.9"]);
    }

    #[test]
    fn idle_holds_its_connections() {
        let report = run("idle", "idle --count 20");
        assert_eq!(
            (&report["checked"], &report["figures"]["connections held"]["median"]),
            (&20.into(), &20.0.into())
        );
    }

    #[test]
    fn after_a_storm_everybody_is_back() {
        for (name, how) in [("storm", ""), ("spread", "--spread")] {
            let report = run(name, &format!("storm --count 20 {how}"));
            assert_eq!(report["checked"], 40, "a start and a message of each");
            assert_eq!(report["figures"]["conversations resumed"]["median"], 20.0);
        }
    }

    #[test]
    fn every_authentication_is_seen_to_end() {
        let report = run("expiry", "expiry --count 20 --ahead 6 --usual 1 --talkers 4 --rate 20");
        assert_eq!(report["figures"]["authentications ended"]["median"], 20.0);
        assert_has(&report, &["told late by max", "p99 at the end / usual"]);
    }

    #[test]
    fn a_flood_at_a_neighbour_is_told_by_its_outcomes() {
        let flags = "--talkers 5 --rate 5 --seconds 1 --storm-rate 20 --addresses 20";
        let report = run("neighbour", &format!("neighbour {flags}"));
        assert_has(&report, &["p99 during / before", "flood"]);
        let outcomes =
            report["figures"].as_object().unwrap().keys().filter(|name| name.starts_with("flood: "));
        assert!(outcomes.count() > 0, "{report:#}");
    }

    #[test]
    fn readers_read_all_that_is_said() {
        let report = run("readers", "readers --readers 1,3 --widgets 8 --rate 100 --seconds 1");
        // A start for each widget, and every message that was due, without readers, with one and with three.
        assert_eq!(report["checked"], 308);
        assert_has(&report, &["no readers: ack p99", "1 reader: event p99, worst reader"]);
        assert_has(&report, &["3 readers: event p50, reader 3", "3 readers: ack p99 / without"]);
    }

    #[test]
    fn readers_read_on_after_a_closed_loop() {
        let report = run("saturated", "readers --saturate --readers 2 --widgets 8 --seconds 1");
        assert_has(&report, &["no readers: messages accepted", "2 readers: messages accepted"]);
        assert_has(&report, &["2 readers: read to the end after", "2 readers: gateway core busy"]);
    }

    /// Where the key endpoint of a gateway that runs already can be. The gateway has to be told before anybody listens
    /// there, so the system can't choose: a port that it gave and got back may be another's by then. All of 127.0.0.0/8
    /// is this machine, and an address made of the process's number is nobody else's.
    fn own_address() -> SocketAddr {
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        (Ipv4Addr::new(127, 64 | high, middle, low), 18083).into()
    }

    /// A gateway that somebody else has started.
    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_gateway_that_runs_already_is_asked_where_it_is() {
        let folder = folder("outside");
        let keys = own_address();
        // The hash is that of the secret `s3cr3t`.
        let hash = "4e738ca5563c06cfd0018299933d58db1dd8bf97f6973dc99bf6cdc64b5550bd";
        let client = format!(
            r#"[{{ id = "load", secret_sha256 = ["{hash}"], scopes = ["events:read"], tenants = ["*"] }}]"#
        );
        let process = Command::new(usher())
            .args(["serve", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/usher.toml")])
            .env("USHER_JOURNAL_PATH", folder.join("usher.db"))
            .env("USHER_CLIENT", client)
            // The file's other tenant stays where it is.
            .env("USHER_KEYS_ALLOW_HTTP_HOSTS", format!(r#"["127.0.0.1", "{}"]"#, keys.ip()))
            .env("USHER_TENANTS_A_AUTHENTICATION_PUBLIC_KEY_URL", format!("http://{keys}/a"))
            .envs(["PUBLIC", "CONSUMER", "OPS"].map(|name| (format!("USHER_LISTEN_{name}"), "127.0.0.1:0")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut running = Running(process.unwrap());
        let lines = BufReader::new(running.0.stdout.take().unwrap()).lines().take(3).map(Result::unwrap);
        let lines: Vec<_> = lines.collect();
        let [public, consumer, _] = &lines[..] else { panic!("{lines:?}") };
        fs::write(folder.join("api-key"), "load.s3cr3t\n").unwrap();
        let args = format!(
            "connect --count 10 --url ws://{}/chat/a/web --consumer http://{} --keys {keys} --api-key-file {}",
            public.strip_prefix("public ").unwrap(),
            consumer.strip_prefix("consumer ").unwrap(),
            folder.join("api-key").display()
        );
        for _ in 0..2 {
            assert_eq!(succeed(&folder, &load(&folder, &args))["checked"], 20, "each run checks its own");
        }
    }

    #[test]
    fn a_gateway_that_is_not_there_is_a_fault() {
        let output = load(&folder("none"), "connect --count 1 --usher no-such-program");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with("usher-load: no-such-program: "), "{told}");
    }
}
