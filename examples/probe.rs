use fisc::fiscal::*; use fisc::llm::*; use fisc::world::language::*;
fn main(){
 let model=std::env::args().nth(1).unwrap();
 let dir=std::env::args().nth(2);
 let p=Prompts::new(&PROMPTS, dir.as_deref().map(std::path::Path::new)).unwrap();
 let mut e=Engine::open(&ModelSpec::new("m",GgufSource::Fetched(model)),SharedTranscript::in_memory(),Mode::Live).unwrap();
 let ec=Economy::default(); let hours=hour_options(100.0); let options:Vec<String>=hours.iter().map(f64::to_string).collect();
 let scheds:Vec<(&str,Schedule)>=vec![("us",laws::find("us-2024").unwrap().clone()),("0",Schedule::flat(0.0).unwrap()),("30",Schedule::flat(0.3).unwrap()),("60",Schedule::flat(0.6).unwrap()),("90",Schedule::flat(0.9).unwrap())];
 let wages=[9.0,15.0,25.0,40.0,80.0,200.0];
 let mut first=true;
 for (n,s) in &scheds {
  let rs:Vec<Request>=wages.iter().enumerate().map(|(i,&w)|Request{seed:1,agent:format!("w{i}"),stream:i as u64,step:1,attempt:0,messages:p.render("worker.j2",worker_prompt(&ec,s,w,None,&hours,&options)).unwrap(),readout:Readout::Choice{options:options.clone()}}).collect();
  if first { for m in &rs[2].messages { println!("--{:?}\n{}",m.role,m.content);} first=false; }
  let t=std::time::Instant::now();
  let a=e.ask(&rs).unwrap();
  print!("{n:4} {:5.2}s ",t.elapsed().as_secs_f64());
  for (i,a) in a.iter().enumerate(){ if let Content::Choice{log_probs,admissible_mass}=&a.content { let mean:f64=log_probs.iter().zip(&hours).map(|(l,h)|l.exp()*h).sum(); let b=best_response(&ec,s,wages[i],0.0); print!(" {:.0}$: {:.1} (r {:.0}, mass {:.2}) ",wages[i],mean,b,admissible_mass);} }
  println!(" prompt {} ans {}",a[0].prompt_tokens,a[0].answer_tokens);
 }
}
