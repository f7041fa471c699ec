//! Language-model inference: backends, readouts, prompts, transcript. Knows no economics.
