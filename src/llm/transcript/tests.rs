use super::*;
use crate::llm::{Content, Reading, Role};

fn ask(agent: u64, step: u64, wage: &str) -> Request {
    Request {
        seed: 42,
        agent: format!("worker {agent}"),
        stream: agent,
        step,
        attempt: 0,
        messages: vec![
            Message {
                role: Role::System,
                content: "Rules.\nMany rules.\n\nBe brief.".into(),
            },
            Message {
                role: Role::User,
                content: format!("Wage {wage}.\nHours?"),
            },
        ],
        readout: Readout::Choice {
            options: vec!["0".into(), "40".into(), "100".into()],
        },
    }
}

fn told(log_probs: &[f64]) -> BackendAnswer {
    BackendAnswer {
        reading: Reading::LogProbs(log_probs.to_vec()),
        prompt_tokens: 120,
        evaluated_tokens: 80,
        answer_tokens: 6,
        latency_ms: 210.449,
    }
}

fn text(text: &str) -> BackendAnswer {
    let reading = Reading::Text {
        text: text.into(),
        truncated: true,
    };
    BackendAnswer {
        reading,
        ..told(&[])
    }
}

/// Records two frames of answers; gives back what the live run used.
fn live(transcript: &SharedTranscript) -> Vec<Answer> {
    let model = transcript.register("small", "sha256:a").unwrap();
    let requests = [ask(1, 0, "$10"), ask(2, 0, "$35.5"), ask(1, 1, "$11")];
    let key = |r: &Request| Key::new("sha256:a", r);
    let first = [
        (key(&requests[0]), &requests[0]),
        (key(&requests[1]), &requests[1]),
    ];
    let mut answers = transcript
        .record(
            model,
            &first,
            &[
                told(&[-1.23456789, -2.0, -7.7]),
                told(&[-0.1, -3.3333333, -9.0]),
            ],
        )
        .unwrap();
    transcript.note(&first[0].0, Ok("40")).unwrap();
    let second = [(key(&requests[2]), &requests[2])];
    answers.extend(
        transcript
            .record(model, &second, &[text("{\"hours\": 4")])
            .unwrap(),
    );
    transcript
        .note(&second[0].0, Err("no closing brace"))
        .unwrap();
    answers
}

fn same(a: &Answer, b: &Answer) -> bool {
    Answer {
        source: Source::Live,
        ..a.clone()
    } == Answer {
        source: Source::Live,
        ..b.clone()
    }
}

#[test]
fn replay_gives_the_numbers_that_the_live_run_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transcript.jsonl.zst");
    let transcript = SharedTranscript::create(&path).unwrap();
    let answers = live(&transcript);
    assert!(answers.iter().all(|answer| answer.source == Source::Live));
    for answer in &answers {
        assert_eq!(transcript.find(&answer.key).unwrap().source, Source::Memory);
    }
    drop(transcript);

    let replay = SharedTranscript::replay(&path).unwrap();
    assert_eq!(
        (replay.len(), replay.models()),
        (3, vec![("small".into(), "sha256:a".into())])
    );
    for answer in &answers {
        let again = replay.find(&answer.key).unwrap();
        assert!(same(answer, &again), "{answer:?} {again:?}");
        assert_eq!(again.source, Source::Transcript);
    }
    let Content::Choice {
        log_probs,
        admissible_mass,
    } = &answers[0].content
    else {
        panic!()
    };
    let total: f64 = log_probs.iter().map(|x| x.exp()).sum();
    assert!((total - 1.0).abs() < 1e-12);
    let mass = (-1.2346f64).exp() + (-2.0f64).exp() + (-7.7f64).exp();
    assert!((admissible_mass - mass).abs() < 1e-12);
    // Any zstd reads the file.
    let plain = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(String::from_utf8(plain).unwrap().lines().count(), 11);
}

#[test]
fn a_reader_sees_what_was_asked_and_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    live(&SharedTranscript::create(&path).unwrap());
    let exchanges = SharedTranscript::replay(&path).unwrap().exchanges();
    let asked = ask(2, 0, "$35.5");
    assert_eq!(exchanges[1].messages, asked.messages);
    assert_eq!(exchanges[1].readout, asked.readout);
    assert_eq!(
        (exchanges[1].agent.as_str(), exchanges[1].model.as_str()),
        ("worker 2", "small")
    );
    assert_eq!(exchanges[0].note, Some(Ok("40".into())));
    assert_eq!(exchanges[1].note, None);
    assert_eq!(exchanges[2].note, Some(Err("no closing brace".into())));
    assert!(exchanges[2].answer.truncated);
}

#[test]
fn repeated_lines_of_prompts_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    live(&SharedTranscript::create(&path).unwrap());
    let plain = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    assert_eq!(plain.matches("Many rules.").count(), 1, "{plain}");
    assert!(
        plain.contains(r#"{"prompt":[["system",[[0,3]]],["user",["Wage $35.5.",[5,5]]]]}"#),
        "{plain}"
    );
}

#[test]
fn a_torn_tail_is_cut_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    let transcript = SharedTranscript::create(&path).unwrap();
    let answers = live(&transcript);
    transcript.flush().unwrap();
    drop(transcript);
    let whole = std::fs::read(&path).unwrap();
    // Every length at which a process can have been killed.
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let resumed = SharedTranscript::resume(&path).unwrap();
        let kept = resumed.len();
        assert!(kept == 0 || kept == 2 || kept == 3);
        for answer in &answers[..kept] {
            assert!(same(answer, &resumed.find(&answer.key).unwrap()));
        }
        if length % 7 == 0 {
            let model = resumed.register("small", "sha256:a").unwrap();
            let more = ask(9, 9, "$99");
            let key = Key::new("sha256:a", &more);
            resumed
                .record(model, &[(key, &more)], &[told(&[-1.0, -1.0, -1.0])])
                .unwrap();
            drop(resumed);
            let again = SharedTranscript::replay(&path).unwrap();
            assert_eq!(again.len(), kept + 1);
            assert_eq!(again.exchange(&key).unwrap().messages, more.messages);
        }
    }
}

#[test]
fn damage_before_the_tail_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    live(&SharedTranscript::create(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    let second_frame = zstd::zstd_safe::find_frame_compressed_size(&bytes).unwrap();
    for at in [second_frame, second_frame + 20] {
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        for open in [SharedTranscript::replay, SharedTranscript::resume] {
            let error = open(&path).err().unwrap().to_string();
            assert!(error.contains(&format!("byte {second_frame}")), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        bytes[at] ^= 0x55;
    }
}

#[test]
fn another_schema_and_another_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    let write = |text: &str| {
        std::fs::write(&path, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
        SharedTranscript::replay(&path).err().unwrap().to_string()
    };
    assert!(write("{\"header\":{\"schema\":99,\"fisc\":\"9\"}}\n").contains("schema 99"));
    assert!(write("{\"model\":{\"name\":\"a\",\"id\":\"b\"}}\n").contains("no header"));
    assert!(
        write("{\"header\":{\"schema\":1,\"fisc\":\"9\"}}\n{\"note\":{\"answer\":0}}\n")
            .contains("line 2")
    );
    assert!(write("nonsense\n").contains("line 1"));
    let begin = "{\"header\":{\"schema\":1,\"fisc\":\"9\"}}\n";
    let calls = "{\"calls\":{\"model\":0,\"calls\":{\"calls\":1}}}\n";
    assert!(write(&format!("{begin}{calls}")).contains("calls of no model"));
    let key = "0".repeat(32);
    let void =
        format!("{{\"void\":{{\"key\":\"{key}\",\"stream\":1,\"step\":0,\"attempt\":0}}}}\n");
    assert!(write(&format!("{begin}{void}")).contains("not there"));

    let transcript = SharedTranscript::in_memory();
    transcript.register("small", "sha256:a").unwrap();
    assert_eq!(transcript.register("large", "sha256:b").unwrap(), 1);
    let error = transcript.register("small", "sha256:c").unwrap_err();
    assert!(error.to_string().contains("sha256:a"), "{error}");
}

/// A resumed run goes on with the settings it was begun with, and knows what was spent.
#[test]
fn settings_and_calls_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    let settings = Settings {
        wave: 24,
        lanes: 2,
        threads: 3,
    };
    let calls = Calls {
        calls: 5,
        timeouts: 1,
        prompt_tokens: 70,
        dollars: 0.25,
        ..Calls::default()
    };
    let transcript = SharedTranscript::create(&path).unwrap();
    let local = transcript.register_with("small", "sha256:a", settings);
    assert_eq!(local.unwrap(), 0);
    let far = transcript.register("far", "openai:m").unwrap();
    transcript.record_calls(far, calls).unwrap();
    transcript.record_calls(far, calls).unwrap();
    drop(transcript);
    let resumed = SharedTranscript::resume(&path).unwrap();
    assert_eq!(resumed.settings("small"), Some(settings));
    assert_eq!(resumed.settings("far"), None);
    assert_eq!(resumed.calls(far), calls.plus(&calls));
    assert_eq!(resumed.calls(far).since(&calls), calls);
    assert_eq!(resumed.calls(0), Calls::default());
    // Other settings do not replace those of the beginning.
    let other = Settings {
        wave: 8,
        lanes: 1,
        threads: 1,
    };
    resumed.register_with("small", "sha256:a", other).unwrap();
    assert_eq!(resumed.settings("small"), Some(settings));
    drop(resumed);
    let plain = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    assert!(!String::from_utf8(plain).unwrap().contains("retries"));
    // Transcripts from before there were lanes.
    let old: Settings = serde_json::from_str(r#"{"wave":16,"threads":2}"#).unwrap();
    assert_eq!((old.wave, old.lanes, old.threads), (16, 1, 2));
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    SharedTranscript::create(&path).unwrap();
    assert!(SharedTranscript::create(&path).is_err());
    assert!(SharedTranscript::replay(&folder.path().join("none.zst")).is_err());
}

#[test]
fn what_is_no_probability_is_an_error() {
    let transcript = SharedTranscript::in_memory();
    let model = transcript.register("small", "sha256:a").unwrap();
    let request = ask(1, 0, "$10");
    let key = Key::new("sha256:a", &request);
    for bad in [f64::NAN, f64::NEG_INFINITY, 0.5] {
        assert!(
            transcript
                .record(model, &[(key, &request)], &[told(&[-1.0, bad, -1.0])])
                .is_err()
        );
    }
    assert!(transcript.record(model, &[(key, &request)], &[]).is_err());
    assert!(transcript.is_empty());
}

/// Size of a decision in a game of 12 workers and 40 steps whose prompts change
/// in wage, rates and past, as a scenario's do.
#[test]
fn a_choice_takes_about_a_hundred_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    let transcript = SharedTranscript::create(&path).unwrap();
    let model = transcript.register("small", "sha256:a").unwrap();
    let streams = crate::random::Streams::new(1, "size");
    let rules: Vec<String> = (0..20)
        .map(|i| format!("Rule {i}: {}", "work and pay ".repeat(5)))
        .collect();
    let options: Vec<String> = (0..=10).map(|h| (10 * h).to_string()).collect();
    for step in 0..40u64 {
        let requests: Vec<Request> = (0..12u64)
            .map(|worker| {
                use rand::RngExt;
                let mut rng = streams.at(worker, step / 8);
                let mut request = ask(worker, step, "");
                request.readout = Readout::Choice {
                    options: options.clone(),
                };
                request.messages = vec![
                    Message {
                        role: Role::System,
                        content: rules.join("\n"),
                    },
                    Message {
                        role: Role::User,
                        content: format!(
                            "You are worker {worker}, {} years old, a person of the county.\n\
                             Your wage is ${}.{:02}.\nRates: {} %, {} %, {} %.\n\
                             Last year you worked {} hours and had ${}.\nHours?",
                            20 + worker * 3,
                            10 + worker,
                            worker,
                            rng.random_range(0..60),
                            rng.random_range(0..60),
                            rng.random_range(0..60),
                            streams.at(worker, step).random_range(0..11u32) * 10,
                            streams.at(worker, step).random_range(10_000..90_000u32),
                        ),
                    },
                ];
                request
            })
            .collect();
        let answers: Vec<BackendAnswer> = (0..12u64)
            .map(|worker| {
                use rand::RngExt;
                let mut rng = streams.at(1000 + worker, step);
                told(
                    &(0..11)
                        .map(|_| -rng.random_range(0.5..9.0))
                        .collect::<Vec<f64>>(),
                )
            })
            .collect();
        let asked: Vec<(Key, &Request)> = requests
            .iter()
            .map(|r| (Key::new("sha256:a", r), r))
            .collect();
        transcript.record(model, &asked, &answers).unwrap();
    }
    let size = std::fs::metadata(&path).unwrap().len() as f64 / 480.0;
    println!("{size:.1} bytes per choice");
    assert!(size < 130.0, "{size}");
}
