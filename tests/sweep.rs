//! Sweeps, through the program: however often and wherever they are interrupted, the results are the same.

use assert_cmd::cargo::cargo_bin;
use polars::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BASE: &str = r#"
name = "small"
steps = 4
tax_year = 2
population = { size = 60, wages = "gb2" }
taxes = { brackets = "three", initial = [0.12, 0.22, 0.35] }
compare = { planners = ["us-2024", "optimal"] }
record = { workers_every = 0 }
"#;

const SWEEP: &str = r#"
name = "s"
base = "base.toml"
seeds = 5
[grid]
planner.kind = ["none", "saez-static", { flat = { rate = 0.3 } }]
objective.welfare = ["inverse_wage", "rawlsian"]
"#;

/// A folder with a sweep file and its base.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new(sweep: &str) -> Study {
        Study::on(BASE, sweep)
    }

    fn on(base: &str, sweep: &str) -> Study {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("base.toml"), base).unwrap();
        std::fs::write(folder.path().join("s.toml"), sweep).unwrap();
        Study { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("fisc"));
        command
            .current_dir(self.folder.path())
            .args(["sweep", "s.toml"])
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ok(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Files of a dataset by name.
fn parts(out: &Path, dataset: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = out.join(dataset);
    let files = std::fs::read_dir(&folder).unwrap().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect()
}

fn read(path: &Path) -> DataFrame {
    ParquetReader::new(std::fs::File::open(path).unwrap())
        .finish()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn texts(frame: &DataFrame, name: &str) -> Vec<Option<String>> {
    let column = frame.column(name).unwrap().str().unwrap().clone();
    column.iter().map(|cell| cell.map(str::to_owned)).collect()
}

fn statuses(out: &Path) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for status in texts(&read(&out.join("runs.parquet")), "status") {
        *count.entry(status.unwrap()).or_default() += 1;
    }
    count
}

/// The results: all parts byte for byte, and of the table of runs what does not depend on the clock.
fn results(out: &Path) -> (Vec<BTreeMap<String, Vec<u8>>>, String) {
    let runs = read(&out.join("runs.parquet"));
    let fixed = [
        "run",
        "point",
        "replicate",
        "seed",
        "planner_kind",
        "objective_welfare",
        "status",
    ];
    let mut sorted = runs
        .select(fixed)
        .unwrap()
        .sort(["run"], SortMultipleOptions::default())
        .unwrap();
    let mut csv = Vec::new();
    CsvWriter::new(&mut csv).finish(&mut sorted).unwrap();
    let datasets = ["years.parquet", "summary.parquet"].map(|dataset| parts(out, dataset));
    (datasets.into(), String::from_utf8(csv).unwrap())
}

fn sha256_line(stdout: &str) -> &str {
    let line = stdout
        .lines()
        .find(|line| line.starts_with("Results: sha256 "));
    line.expect(stdout)
}

#[test]
fn interrupted_sharded_and_parallel_sweeps_end_with_the_same_results() {
    let study = Study::new(SWEEP);
    let whole = ok(&study.run(&["--out", "whole", "--jobs", "2"]));
    assert!(whole.contains("30 finished of 30 runs"), "{whole}");
    let expected = results(&study.out("whole"));
    assert_eq!(expected.0[0].len(), 30);

    let one = ok(&study.run(&["--out", "one", "--jobs", "1"]));
    assert_eq!(sha256_line(&one), sha256_line(&whole));
    assert!(results(&study.out("one")) == expected);

    // Killed three times at random moments, then finished.
    let mut rng = SmallRng::seed_from_u64(20261126);
    let begun = Instant::now();
    for kill in 0..3 {
        let mut sweep = study.start(&["--out", "killed"]);
        std::thread::sleep(Duration::from_millis(rng.random_range(150..900)));
        sweep.kill().unwrap();
        sweep.wait().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "kill {kill}");
    }
    let killed = ok(&study.run(&["--out", "killed"]));
    assert_eq!(sha256_line(&killed), sha256_line(&whole));
    assert!(results(&study.out("killed")) == expected);
    let litter = std::fs::read_dir(study.out("killed")).unwrap();
    assert!(
        litter
            .flatten()
            .all(|file| !text(file.file_name().as_encoded_bytes()).starts_with(".tmp"))
    );

    // Four shards: two at once in one folder, two elsewhere, from a plan file.
    ok(&study.run(&["--plan", "plan.json"]));
    let mut first = study.start(&["--out", "shards", "--shard", "1/4"]);
    let mut second = study.start(&["--out", "shards", "--shard", "2/4"]);
    for shard in ["3/4", "4/4"] {
        let mut fisc = Command::new(cargo_bin("fisc"));
        fisc.current_dir(study.folder.path());
        ok(&fisc
            .args(["sweep", "plan.json", "--out", "elsewhere", "--shard", shard])
            .output()
            .unwrap());
    }
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
    let merged = ok(&study.run(&["--out", "shards", "--collect", "elsewhere"]));
    assert!(merged.contains("0 played"), "{merged}");
    assert_eq!(sha256_line(&merged), sha256_line(&whole));
    assert!(results(&study.out("shards")) == expected);

    // Once more: nothing is played, nothing is rewritten.
    let before = std::fs::metadata(study.out("whole/years.parquet"))
        .unwrap()
        .modified()
        .unwrap();
    let again = ok(&study.run(&["--out", "whole"]));
    assert!(again.contains("0 played, 30 there before"), "{again}");
    let after = std::fs::metadata(study.out("whole/years.parquet"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn rows_agree_with_the_runs_and_with_runs_on_their_own() {
    let study = Study::new(SWEEP);
    ok(&study.run(&["--out", "out", "--csv"]));
    let out = study.out("out");
    let runs = read(&out.join("runs.parquet"));
    let (names, kinds) = (texts(&runs, "run"), texts(&runs, "planner_kind"));
    let seeds = runs.column("seed").unwrap().u64().unwrap().clone();
    // Common random numbers: five seeds, the same at all six points.
    let distinct: std::collections::BTreeSet<u64> = seeds.iter().flatten().collect();
    assert_eq!(distinct.len(), 5);
    for at in [0usize, 17, 29] {
        let name = names[at].as_deref().unwrap();
        // The same scenario by itself.
        let alone = study.out("alone");
        let mut fisc = Command::new(cargo_bin("fisc"));
        let scenario = out.join("runs").join(name).join("scenario.toml");
        let played = fisc
            .args(["run", "--quiet", "--force", "--out"])
            .arg(&alone)
            .arg(&scenario)
            .output()
            .unwrap();
        ok(&played);
        let years = read(&alone.join("years.parquet"));
        let part = read(&out.join("years.parquet").join(format!("{name}.parquet")));
        assert_eq!(
            part.column("welfare").unwrap().as_materialized_series(),
            years.column("welfare").unwrap().as_materialized_series()
        );
        let summary = read(&out.join("summary.parquet").join(format!("{name}.parquet")));
        let main = summary.column("main").unwrap().bool().unwrap().clone();
        assert_eq!(
            main.iter().collect::<Vec<_>>(),
            [Some(true), Some(false), Some(false)]
        );
        // The mean over the last third (one of two years) and attained, worked by hand.
        let welfare: Vec<f64> = summary
            .column("welfare")
            .unwrap()
            .f64()
            .unwrap()
            .iter()
            .flatten()
            .collect();
        let third: Vec<f64> = summary
            .column("welfare_last_third")
            .unwrap()
            .f64()
            .unwrap()
            .iter()
            .flatten()
            .collect();
        assert_eq!(welfare, third);
        let attained: Vec<f64> = summary
            .column("attained")
            .unwrap()
            .f64()
            .unwrap()
            .iter()
            .flatten()
            .collect();
        let by_hand = (welfare[0] - welfare[1]) / (welfare[2] - welfare[1]);
        assert!((attained[0] - by_hand).abs() < 1e-12);
        assert!(kinds[at].is_some());
    }
    // The CSV twins hold the same numbers.
    for dataset in ["years", "summary"] {
        let merged: DataFrame = parts(&out, &format!("{dataset}.parquet"))
            .values()
            .map(|bytes| {
                ParquetReader::new(std::io::Cursor::new(bytes))
                    .finish()
                    .unwrap()
            })
            .reduce(|all, part| all.vstack(&part).unwrap())
            .unwrap();
        let csv = CsvReadOptions::default()
            .with_infer_schema_length(None)
            .try_into_reader_with_file_path(Some(out.join(format!("{dataset}.csv"))))
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(csv.shape(), merged.shape());
        for name in ["welfare", "revenue", "seed"] {
            let numbers = |frame: &DataFrame| -> Vec<Option<f64>> {
                let column = frame
                    .column(name)
                    .unwrap()
                    .cast(&DataType::Float64)
                    .unwrap();
                column.f64().unwrap().iter().collect()
            };
            assert_eq!(numbers(&csv), numbers(&merged), "{dataset}.{name}");
        }
    }
    // Every column is in the codebook, and the codebook has no other.
    let book = std::fs::read_to_string(out.join("codebook.csv")).unwrap();
    let listed: std::collections::BTreeSet<&str> = book
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    let name = names[0].as_deref().unwrap();
    let mut columns = std::collections::BTreeSet::new();
    for frame in [
        runs,
        read(&out.join(format!("years.parquet/{name}.parquet"))),
        read(&out.join(format!("summary.parquet/{name}.parquet"))),
    ] {
        columns.extend(
            frame
                .get_column_names_owned()
                .iter()
                .map(ToString::to_string),
        );
    }
    assert_eq!(
        columns
            .iter()
            .map(String::as_str)
            .collect::<std::collections::BTreeSet<_>>(),
        listed
    );
    assert!(columns.iter().all(|column| column.len() <= 32));
}

/// Processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let mut all: Vec<u32> = Vec::new();
    // Threads spawn the workers: each thread has its own list.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.map(|task| task.path().join("children"));
    for list in lists.chain([PathBuf::from(path)]) {
        let text = std::fs::read_to_string(list).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    all
}

#[test]
fn a_worker_that_dies_leaves_a_row_and_the_sweep_goes_on() {
    // One slow arm, so that there is a run to be killed in.
    let base = BASE.replace("steps = 4", "steps = 4000");
    let sweep = "name = \"s\"\nbase = \"base.toml\"\nseeds = 4\n";
    let study = Study::on(&base, sweep);
    let fisc = study
        .command(&["--out", "out", "--jobs", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let victim = loop {
        if let Some(&pid) = children(fisc.id()).first() {
            break pid;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "no worker");
        std::thread::sleep(Duration::from_millis(5));
    };
    std::thread::sleep(Duration::from_millis(60));
    assert!(
        Command::new("kill")
            .args(["-9", &victim.to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = fisc.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("died of signal 9 (SIGKILL)"), "{said}");
    let out = study.out("out");
    assert_eq!(
        statuses(&out),
        BTreeMap::from([("failed".into(), 1), ("finished".into(), 3)])
    );
    let runs = read(&out.join("runs.parquet"));
    let stage: Vec<String> = texts(&runs, "stage").into_iter().flatten().collect();
    assert_eq!(stage, ["worker"]);
    // The same command plays the one that is missing.
    let again = ok(&study.run(&["--out", "out"]));
    assert!(
        again.contains("4 finished of 4 runs") && again.contains("1 played"),
        "{again}"
    );
    let runs = read(&out.join("runs.parquet"));
    assert_eq!(texts(&runs, "message"), vec![None; 4]);
}

/// A file system of `size` that is unmounted again.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Small {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at);
        let done = mount.output().expect("mount");
        assert!(
            done.status.success(),
            "this test mounts a file system, as root: {}",
            text(&done.stderr)
        );
        Small(at.to_owned())
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Whether this process may mount: not everywhere where tests are run by hand.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| text(&id.stdout).trim() == "0")
}

#[test]
fn a_full_disk_leaves_a_row_and_a_message() {
    if !is_root() {
        eprintln!("not root: a full disk was not tried");
        return;
    }
    let study = Study::new(SWEEP);
    let disk = Small::mount(&study.out("disk"), "900k");
    let output = study.run(&["--out", "disk/out", "--jobs", "2"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("No space left on device") && said.contains("cannot be written"),
        "{said}"
    );
    let out = study.out("disk/out");
    let status = statuses(&out);
    assert!(
        status["failed"] >= 1 && status["finished"] >= 1 && status.values().sum::<usize>() == 30,
        "{status:?}"
    );
    let messages: Vec<String> = texts(&read(&out.join("runs.parquet")), "message")
        .into_iter()
        .flatten()
        .collect();
    assert!(
        messages
            .iter()
            .all(|message| message.contains("No space left")),
        "{messages:?}"
    );
    disk.remount("size=60m");
    let again = ok(&study.run(&["--out", "disk/out"]));
    assert!(again.contains("30 finished of 30 runs"), "{again}");
    ok(&study.run(&["--out", "whole"]));
    assert!(results(&out) == results(&study.out("whole")));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_kept() {
    if !is_root() {
        eprintln!("not root: a read-only file system was not tried");
        return;
    }
    let study = Study::new(SWEEP);
    let disk = Small::mount(&study.out("disk"), "60m");
    // From the start.
    disk.remount("ro");
    let output = study.run(&["--out", "disk/out"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("disk/out") && said.contains("Read-only"),
        "{said}"
    );
    // On the way: after the first runs have finished.
    disk.remount("rw");
    ok(&study.run(&["--out", "disk/out", "--shard", "1/3"]));
    let before = results(&study.out("disk/out"));
    disk.remount("ro");
    let output = study.run(&["--out", "disk/out"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("Read-only"),
        "{}",
        text(&output.stderr)
    );
    assert!(results(&study.out("disk/out")) == before);
    disk.remount("rw");
    let again = ok(&study.run(&["--out", "disk/out"]));
    assert!(
        again.contains("30 finished of 30 runs") && again.contains("20 played, 10 there before"),
        "{again}"
    );
}

#[test]
fn damaged_files_are_found_and_made_again() {
    let study = Study::new(SWEEP);
    let whole = ok(&study.run(&["--out", "out"]));
    let out = study.out("out");
    let expected = results(&out);
    let mut names: Vec<String> = expected.0[0].keys().cloned().collect();
    names.sort();
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    // A flipped bit and a torn file among the parts; a run's own table; a part that is gone.
    flip(&out.join("years.parquet").join(&names[3]));
    let torn = out.join("summary.parquet").join(&names[4]);
    let bytes = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 3]).unwrap();
    let run = names[5].trim_end_matches(".parquet");
    flip(&out.join("runs").join(run).join("years.parquet"));
    std::fs::remove_file(out.join("years.parquet").join(&names[6])).unwrap();
    let output = study.run(&["--out", "out"]);
    let said = text(&output.stderr);
    let again = ok(&output);
    assert!(
        again.contains("1 played, 26 there before, rows of 3 made again"),
        "{again}"
    );
    for at in [3, 4, 5] {
        let run = names[at].trim_end_matches(".parquet");
        assert!(said.contains(run), "{run}: {said}");
    }
    assert_eq!(sha256_line(&again), sha256_line(&whole));
    assert!(results(&out) == expected);
}

/// A server that answers `good` questions with 35 hours and then fails until it is told to go on.
fn failing_server(good: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let left = Arc::new(AtomicUsize::new(good));
    let shared = left.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0usize;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let (status, body) = match shared.load(Ordering::SeqCst) {
                0 => ("400 Bad", "the model is out of order".to_owned()),
                _ => {
                    shared.fetch_sub(1, Ordering::SeqCst);
                    let answer = r#"{"id":"1","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"35"},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
                    ("200 OK", answer.to_owned())
                }
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    (url, left)
}

#[test]
fn a_model_that_fails_at_run_17_fails_that_run() {
    // Two workers × two steps, and the introduction that opens the model: five questions a run.
    let (url, left) = failing_server(5 * 16 + 2);
    let base = format!(
        r#"
name = "far"
steps = 2
tax_year = 1
population = {{ size = 2, wages = {{ uniform = {{ low = 10.0, high = 30.0 }} }} }}
planner = {{ kind = "us-2024" }}
[[workers]]
share = 1.0
decide = {{ llm = {{ model = "far" }} }}
[models.far]
backend = {{ openai = {{ model = "m", urls = ["{url}"], structured = "none", parallel = 1, retries = 0, timeout = 5.0, price_prompt = 1000.0, price_answer = 1000.0 }} }}
readout = "sample"
on_failure = "stop"
"#
    );
    let sweep = "name = \"s\"\nbase = \"base.toml\"\nseeds = 20\non_error = \"stop\"\n";
    let study = Study::on(&base, sweep);
    let output = study.run(&["--out", "out", "--jobs", "1"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the model is out of order"), "{said}");
    let out = study.out("out");
    let status = statuses(&out);
    assert_eq!(
        status,
        BTreeMap::from([
            ("failed".into(), 1),
            ("finished".into(), 16),
            ("pending".into(), 3)
        ])
    );
    let runs = read(&out.join("runs.parquet"));
    assert_eq!(texts(&runs, "status")[16].as_deref(), Some("failed"));
    assert_eq!(texts(&runs, "stage")[16].as_deref(), Some("play"));
    // It is mended: nothing that was answered is asked again.
    left.store(usize::MAX, Ordering::SeqCst);
    let again = ok(&study.run(&["--out", "out", "--jobs", "1"]));
    assert!(
        again.contains("20 finished of 20 runs") && again.contains("4 played"),
        "{again}"
    );
    let runs = read(&out.join("runs.parquet"));
    let decisions: u64 = runs
        .column("decisions")
        .unwrap()
        .u64()
        .unwrap()
        .iter()
        .flatten()
        .sum();
    assert_eq!(decisions, 20 * 4);
    // 12 tokens at $1000 a million.
    let cost: f64 = runs
        .column("cost")
        .unwrap()
        .f64()
        .unwrap()
        .iter()
        .flatten()
        .sum();
    assert!(cost >= 0.012 * 80.0 - 1e-9, "{cost}");
}

#[test]
fn a_dry_run_counts_and_measures_and_writes_nothing() {
    let study = Study::new(SWEEP);
    let output = study.run(&["--dry-run", "--probe-seconds", "5", "--out", "out"]);
    let said = ok(&output);
    assert!(said.contains("30 runs (6 points × 5 seeds)"), "{said}");
    assert!(
        said.contains("time       about") && said.contains("decisions  0"),
        "{said}"
    );
    assert!(!study.out("out").exists());
}

#[test]
fn wrong_input_is_refused_before_anything_is_written() {
    let wrong = |sweep: &str, arguments: &[&str], words: &[&str]| {
        let study = Study::new(sweep);
        let output = study.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
        assert!(!study.out("outputs").exists());
    };
    wrong(SWEEP, &["--shard", "5/4"], &["--shard", "5/4", "I/N"]);
    wrong(
        &SWEEP.replace("seeds = 5", "seeds = 0"),
        &[],
        &["s.toml:4", "seeds"],
    );
    // Single values are right, but not together.
    let clash = "name = \"s\"\nbase = \"base.toml\"\n[grid]\nsteps = [4, 6]\ntax_year = [2, 3]\n";
    wrong(clash, &[], &["s.toml:5", "steps = 4, tax_year = 3"]);
    let study = Study::new(SWEEP);
    std::fs::create_dir_all(study.out("mine")).unwrap();
    std::fs::write(study.out("mine/thesis.tex"), "x").unwrap();
    let output = study.run(&["--out", "mine"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("other files"));
}

/// Two points at one seed.
const TINY: &str = "name = \"tiny\"\nbase = \"base.toml\"\n[set]\ncompare.planners = [\"optimal\"]\n\
[grid]\nplanner.kind = [\"none\", \"optimal\"]\n";

#[test]
fn a_folder_without_its_plan_is_known_by_its_runs() {
    let study = Study::new(TINY);
    let first = ok(&study.run(&[]));
    let out = study.out("outputs/tiny");
    std::fs::remove_file(out.join("plan.json")).unwrap();
    let again = ok(&study.run(&[]));
    assert!(again.contains("2 there before"), "{again}");
    assert_eq!(sha256_line(&first), sha256_line(&again));
    // Another sweep does not know these runs.
    std::fs::remove_file(out.join("plan.json")).unwrap();
    let other = TINY.replace("[set]", "[set]\nsteps = 8");
    std::fs::write(study.out("s.toml"), &other).unwrap();
    let refused = study.run(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("no plan.json"),
        "{}",
        text(&refused.stderr)
    );
    // Nor does a sweep of another name take a folder that has a plan.
    std::fs::write(study.out("s.toml"), TINY).unwrap();
    ok(&study.run(&[]));
    std::fs::write(study.out("s.toml"), TINY.replace("tiny", "small")).unwrap();
    let refused = study.run(&["--out", "outputs/tiny"]);
    assert!(
        text(&refused.stderr).contains("sweep `tiny`"),
        "{}",
        text(&refused.stderr)
    );
    // A baseline that is a planner of its own stands in the tables twice, and the README says how it is one.
    let readme = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(
        readme.contains("drop_duplicates([\"arm\", \"replicate\"])"),
        "{readme}"
    );
}

#[test]
fn what_is_no_part_of_the_sweep_is_not_collected() {
    let study = Study::new(TINY);
    ok(&study.run(&["--out", "a"]));
    let other = TINY.replace("[set]", "[set]\nsteps = 8");
    std::fs::write(study.out("s.toml"), &other).unwrap();
    let refused = study.run(&["--out", "b", "--collect", "a"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(
        said.contains("no run of the sweep") && said.contains("sweep `tiny`"),
        "{said}"
    );
    // A shard beyond the runs is empty, and a shard is not all.
    let empty = study.run(&["--out", "c", "--shard", "3/3"]);
    assert!(
        text(&empty.stderr).contains("shard 3/3 is empty"),
        "{}",
        text(&empty.stderr)
    );
    assert!(ok(&empty).contains("--collect"));
    let taken = ok(&study.run(&["--out", "d", "--collect", "c"]));
    assert!(taken.contains("0 runs taken"), "{taken}");
}

#[test]
fn places_that_cannot_be_written_are_wrong_input() {
    let study = Study::new(TINY);
    std::fs::write(study.out("file"), "x").unwrap();
    for (arguments, words) in [
        (["--out", "file"], "`--out`: this is a file"),
        (["--out", "file/below"], "`--out`: cannot make this folder"),
        (
            ["--plan", "nowhere/p.json"],
            "`--plan`: cannot make this file",
        ),
    ] {
        let output = study.run(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.contains("allowed:"), "{said}");
    }
}

#[test]
fn failures_stand_on_one_line() {
    // Wages that are wrong by the time the run begins.
    let study = Study::new(
        "name = \"s\"\nbase = \"base.toml\"\ncsv = true\n[set]\npopulation.size = 2\n[grid]\npopulation.wages = [\"gb2\", { file = { path = \"w.csv\" } }]\n",
    );
    std::fs::write(study.out("w.csv"), "wage\n10\n20\n").unwrap();
    ok(&study.run(&["--plan", "p.json"]));
    std::fs::write(study.out("w.csv"), "wage\n10\n-1\n").unwrap();
    let mut command = Command::new(cargo_bin("fisc"));
    let command = command.current_dir(study.folder.path());
    let output = command
        .args(["sweep", "p.json", "--out", "o"])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let csv = std::fs::read_to_string(study.out("o/runs.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(
        csv.contains("; found: ") && csv.contains("; allowed: "),
        "{csv}"
    );
}

/// Sends a signal by name.
fn signal(pid: u32, name: &str) {
    let mut kill = Command::new("kill");
    assert!(
        kill.args([&format!("-{name}"), &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn ctrl_c_finishes_what_is_in_progress_and_twice_gives_it_up() {
    let base = BASE.replace("steps = 4", "steps = 2000");
    let study = Study::on(&base, "name = \"s\"\nbase = \"base.toml\"\nseeds = 40\n");
    let begin = |out: &str| {
        let sweep = study
            .command(&["--out", out, "--jobs", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let parts = study.out(out).join("years.parquet");
        let begun = Instant::now();
        while std::fs::read_dir(&parts).map_or(0, Iterator::count) == 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nothing finishes"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        sweep
    };
    for (out, times) in [("once", 1), ("twice", 2)] {
        let sweep = begin(out);
        let workers = children(sweep.id());
        for _ in 0..times {
            signal(sweep.id(), "INT");
            std::thread::sleep(Duration::from_millis(30));
        }
        let output = sweep.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("interrupted"), "{said}");
        for worker in workers {
            assert!(
                !Path::new(&format!("/proc/{worker}/cmdline")).exists(),
                "a worker lives on"
            );
        }
        let status = statuses(&study.out(out));
        assert!(!status.contains_key("failed"), "{status:?}");
        assert!(
            status["finished"] >= 1 && status["pending"] >= 1,
            "{status:?}"
        );
    }
    let again = ok(&study.run(&["--out", "twice"]));
    assert!(again.contains("40 finished of 40 runs"), "{again}");
}

/// SmolLM2 answers: one process holds it, whatever `--jobs` says; killed on the way, nothing is asked
/// twice of what was on file.
#[test]
fn runs_with_a_local_model_share_one_process_and_go_on() {
    let model = fisc::llm::registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2");
    let base = format!(
        r#"
name = "talk"
steps = 3
tax_year = 3
population = {{ size = 6, wages = "gb2" }}
planner = {{ kind = "us-2024" }}
[[workers]]
share = 1.0
decide = {{ llm = {{ model = "small" }} }}
[models.small]
backend = {{ gguf = {{ model = {:?} }} }}
"#,
        model.display().to_string()
    );
    let study = Study::on(&base, "name = \"s\"\nbase = \"base.toml\"\nseeds = 4\n");
    let mut sweep = study.start(&["--out", "out", "--jobs", "2"]);
    let begun = Instant::now();
    let mut most = 0;
    // Until the second run has begun.
    while std::fs::read_dir(study.out("out/runs")).map_or(0, Iterator::count) < 2 {
        most = most.max(children(sweep.id()).len());
        assert!(begun.elapsed() < Duration::from_secs(120), "no second run");
        assert_eq!(sweep.try_wait().unwrap(), None, "it ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    assert_eq!(most, 1);
    let again = ok(&study.run(&["--out", "out", "--jobs", "2"]));
    assert!(again.contains("4 finished of 4 runs"), "{again}");
    let runs = read(&study.out("out/runs.parquet"));
    let decisions = runs.column("decisions").unwrap().u64().unwrap().clone();
    assert_eq!(decisions.iter().collect::<Vec<_>>(), [Some(18); 4]);
    let tokens = runs.column("tokens").unwrap().u64().unwrap().clone();
    assert!(
        tokens
            .iter()
            .all(|tokens| tokens.is_some_and(|tokens| tokens > 0))
    );
    // Its run replays without a model.
    let name = texts(&runs, "run")[0].clone().unwrap();
    let folder = study.out("out/runs").join(name);
    let mut fisc = Command::new(cargo_bin("fisc"));
    let replayed = fisc
        .arg("run")
        .arg(folder.join("scenario.toml"))
        .args(["--replay", "--from"])
        .arg(&folder)
        .arg("--out")
        .arg(study.out("replayed"))
        .output()
        .unwrap();
    assert!(ok(&replayed).contains("identical"));
}
