//! A live run of SmolLM2, replayed and resumed without a difference in any number.

use fisc::llm::{
    Answer, Engine, GgufSource, Message, Mode, ModelSpec, Readout, Request, Role, SharedTranscript,
    Source, registry,
};
use std::path::Path;

fn requests(step: u64) -> Vec<Request> {
    let options = ["0", "20", "40", "60"].map(String::from).to_vec();
    (0..10)
        .map(|worker| {
            let user = format!("Your wage is ${}, period {step}. Hours?", 10 + worker);
            let readout = match worker % 3 {
                0 => Readout::Sample {
                    grammar: "root ::= [1-9] [0-9]? \" hours\"".into(),
                    max_tokens: 8,
                    temperature: 0.8,
                    top_p: 0.9,
                },
                _ => Readout::Choice {
                    options: options.clone(),
                },
            };
            Request {
                seed: 1,
                agent: format!("worker {worker}"),
                stream: worker,
                step,
                attempt: 0,
                messages: vec![
                    Message {
                        role: Role::System,
                        content: "Say how long you work.".into(),
                    },
                    Message {
                        role: Role::User,
                        content: user,
                    },
                ],
                readout,
            }
        })
        .collect()
}

/// Everything of the answers but where they came from, to the last bit.
fn bits(answers: &[Answer]) -> Vec<String> {
    answers
        .iter()
        .map(|answer| {
            format!(
                "{:?}",
                Answer {
                    source: Source::Live,
                    ..answer.clone()
                }
            )
        })
        .collect()
}

fn open(path: &Path, mode: Mode) -> Engine {
    let gguf = match mode {
        Mode::Live => GgufSource::Fetched("smollm2-135m".into()),
        Mode::Replay => GgufSource::Path("moved/away.gguf".into()),
    };
    let spec = ModelSpec {
        threads: 1,
        // Enough questions for waves on two lanes.
        lanes: Some(2),
        ..ModelSpec::new("small", gguf)
    };
    let transcript = match mode {
        Mode::Live => SharedTranscript::resume(path),
        Mode::Replay => SharedTranscript::replay(path),
    };
    Engine::open(&spec, transcript.unwrap(), mode).unwrap()
}

#[test]
fn replay_and_resume_give_the_numbers_of_the_live_run() {
    registry::fetch("smollm2-135m", &mut |_| ()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transcript.jsonl.zst");
    let mut engine = open(&path, Mode::Live);
    let answers: Vec<Vec<Answer>> = (0..3)
        .map(|step| engine.ask(&requests(step)).unwrap())
        .collect();
    let live: Vec<Vec<String>> = answers.iter().map(|answers| bits(answers)).collect();
    assert_eq!(engine.profile().live, 30);
    let id = engine.model_id().to_owned();
    assert!(id.ends_with(registry::find("smollm2-135m").unwrap().sha256));
    drop(engine);

    let mut replay = open(&path, Mode::Replay);
    assert_eq!(replay.model_id(), id);
    for (step, live) in live.iter().enumerate() {
        assert_eq!(&bits(&replay.ask(&requests(step as u64)).unwrap()), live);
    }
    assert!(replay.ask(&requests(3)).is_err());

    // A run that was killed in its last step: what is there is not asked again.
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let mut resumed = open(&path, Mode::Live);
    for step in 0..2 {
        assert_eq!(
            bits(&resumed.ask(&requests(step)).unwrap()),
            live[step as usize]
        );
    }
    assert_eq!(resumed.profile().live, 0);
    let again = resumed.ask(&requests(2)).unwrap();
    assert_eq!(resumed.profile().live, 10);
    // What is asked again is answered alike: nothing is kept from call to call.
    for (again, before) in again.iter().zip(&answers[2]) {
        assert_eq!(again.content, before.content);
    }
    let last = bits(&again);
    drop(resumed);
    assert_eq!(
        bits(&open(&path, Mode::Replay).ask(&requests(2)).unwrap()),
        last
    );
}
