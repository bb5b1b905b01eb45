"""What to do instead of arguments of runs, training and losses that are not there."""

from __future__ import annotations

from rnnbp.ways.way import (
    BATCH_FIRST,
    CELLS,
    EVERYWHERE,
    LOSSES,
    OPTIMIZERS,
    RUNS,
    TRAINING,
    Way,
)

RULES = "it is the optimizer's: give one of rnnbp.optim"
RUNS_AND_TRAINING = (
    Way(
        f"{TRAINING} Trainer.fit Sequences Examples Batches",
        "horizon tbptt tbptt_steps truncate truncation k1 k2 bptt_steps window window_size",
        "a source cuts a long stream: rnnbp.Windows(x, target, horizon=50, batch_size=1) has "
        "windows that carry the state",
    ),
    Way(
        f"{TRAINING} Trainer.fit Sequences Examples Batches",
        "warm_up",
        "a source of windows has it, steps that run and do not count: rnnbp.Windows(x, target, "
        "horizon=50, batch_size=1, warm_up=500); of a learning rate it is rnnbp.optim.WarmUp",
    ),
    Way(
        f"{TRAINING} Trainer.fit bptt backprop",
        "disk disk_budget max_disk",
        "a plan has it: checkpoint=rnnbp.plan(model, loss, steps=..., batch=..., budget='64 MB', "
        "disk='2 GB')",
    ),
    Way(
        "plan",
        "chunk chunk_size chunk_length segment",
        "a plan chooses the length of chunks, plan(...).chunk says which; rnnbp.forecast(model, "
        "loss, steps=..., batch=..., chunk=8) says what a length of yours takes",
    ),
    Way(
        "plan",
        "horizon tbptt truncation window",
        "a plan is for gradients through all of its steps; for truncated ones plan the steps of a "
        "window, steps=50, and train in rnnbp.Windows(x, target, horizon=50, ...)",
    ),
    Way(
        "predict evaluate",
        "checkpoint budget memory schedule max_memory",
        "nothing is kept for a way back, a chunk is held at a time: chunk=8 makes it a small one",
    ),
    Way(
        "Cosine",
        "epochs n_epochs num_epochs max_epochs",
        "rates count steps: {what}(1e-2, steps=epochs * data.batches_per_epoch)",
    ),
    Way(
        "StepDecay",
        "epochs n_epochs num_epochs max_epochs step_epochs every_epochs",
        "rates count steps: {what}(1e-2, every=epochs * data.batches_per_epoch)",
    ),
    Way(
        "WarmUp",
        "epochs warmup_epochs warm_up_epochs",
        "rates count steps: WarmUp(rate, steps=epochs * data.batches_per_epoch)",
    ),
    Way(
        TRAINING,
        "min_delta early_stopping_delta early_stopping_min_delta",
        "for patience any improvement counts; another rule is a callback of your own, which ends "
        "the run by event.stop(reason)",
    ),
    Way(
        "WarmUp",
        "warmup_steps num_warmup_steps warmup warm_up warmup_iters",
        "it is called 'steps' here: WarmUp(Cosine(1e-3, steps=1000), steps=100)",
    ),
    Way(
        f"{TRAINING} {OPTIMIZERS} Cosine StepDecay",
        "warmup warmup_steps num_warmup_steps warmup_ratio",
        "a rate has it: learning_rate=rnnbp.optim.WarmUp(rnnbp.optim.Cosine(1e-3, steps=1000), "
        "steps=100)",
    ),
    Way(
        f"{RUNS} {CELLS} {TRAINING}",
        "lengths length seq_len seq_lens seq_lengths sequence_length sequence_lengths "
        "input_lengths x_lengths",
        "bptt, predict and evaluate take lengths=, the steps (B,) of each row of a padded array; "
        "Sequences takes a list of arrays of several lengths, for fit, evaluate and predict",
    ),
    Way(
        "check_grads",
        "eps epsilon h delta step_size",
        "the step goes with the method, 'complex' or 'central'; tolerance= is the largest error "
        "that passes",
    ),
    Way(
        "Windows",
        "stateful carry",
        "windows always carry the state from one to the next, and an epoch, or a recording, begins "
        "with the initial one; leave it out",
    ),
    Way(
        "Windows",
        "shuffle",
        "windows follow each other, and carry the state; shuffled ones are sequences: "
        "Sequences(x[:S // 50 * 50].reshape(-1, 50, n), ...)",
    ),
    Way(
        "Windows",
        "stride strides step hop overlap",
        "windows follow each other without a gap or an overlap; overlapping ones are sequences: "
        "Sequences(np.lib.stride_tricks.sliding_window_view(x, 50, axis=0)[::stride].swapaxes(1, 2)"
        ", ...)",
    ),
    Way(
        "Windows",
        "resets dones done terminals episode_starts",
        "the flags are reset=, (S,) bool, True at the first step of each episode",
    ),
    Way(
        "Sequences Examples Batches",
        "reset resets dones done terminals episode_starts",
        "a stream of episodes is Windows(x, target, reset=flags, ...); a train.Batch(x, target, "
        "reset=flags) has flags (T, B)",
    ),
    Way(
        "Windows Batches Examples",
        "lengths seq_lens sequence_lengths",
        "Sequences takes a list of arrays of several lengths; the third of an item of Batches may "
        "be lengths, as (x, target, lengths); Windows(join=True) puts recordings in a row",
    ),
    Way(
        RUNS,
        "dy grad_output grad_outputs upstream gradient output_gradients",
        "use a loss that returns it: loss=lambda y, dy: (float((y * dy).sum()), dy), with "
        "target=dy",
    ),
    Way(f"{RUNS} {TRAINING}", "batch_first time_major", BATCH_FIRST),
    Way(
        f"{RUNS} {TRAINING}",
        "batch_size shuffle",
        "a source makes batches: give rnnbp.Sequences(x, target, batch_size=32), batch-first, to "
        "fit, evaluate and predict",
    ),
    Way(
        "Trainer.fit",
        "validation_data val_data validation val valid_data",
        "Trainer(model, optimizer, loss, validation=...) takes it",
    ),
    Way(
        "Examples",
        "mask weights sample_weight sample_weights",
        "as sequences of one step they have weights: Sequences(x[:, None], target, last=True, "
        "mask=weights, ...)",
    ),
    Way(
        TRAINING,
        "validation_split",
        "give validation=, a source of the sequences that are held out",
    ),
    Way(
        LOSSES,
        "ignore_index ignore_class ignore_label pad_index padding_idx mask_value",
        "padding does not count where lengths= says where rows end, in Sequences, bptt, predict "
        "and evaluate; single steps by mask=target != ignored",
    ),
    Way(
        LOSSES,
        "reduction size_average reduce",
        "it is the mean over all that has weight; leave it out",
    ),
    Way(
        LOSSES,
        "from_logits",
        "outputs are logits, so that the model ends without Softmax or Sigmoid; leave from_logits "
        "out",
    ),
    Way(
        "MeanSquaredError MeanAbsoluteError Huber Quantile BinaryCrossEntropy",
        "weight class_weight pos_weight sample_weight",
        "weights are the source's: Sequences(x, target, mask=weights, ...), (N,) of sequences or "
        "(N, T) of steps",
    ),
    Way(
        f"{RUNS} {TRAINING}",
        "loss_weights loss_weight",
        "a loss has its weight: {{'tag': CrossEntropy(), 'class': 0.5 * CrossEntropy()}}",
    ),
    Way(
        TRAINING,
        "weights",
        "a loss has its weight, loss={{'tag': (0.5, CrossEntropy())}}, and classes have theirs, "
        "CrossEntropy(class_weight=...)",
    ),
    Way(TRAINING, "class_weight", "the loss has it: CrossEntropy(class_weight=...)"),
    Way(
        TRAINING,
        "sample_weight sample_weights mask",
        "a source has it: Sequences(x, target, mask=weights, ...), (N,) of sequences or (N, T) of "
        "steps",
    ),
    Way(
        TRAINING,
        "epochs steps max_seconds until_epochs until_steps",
        "Trainer(model, optimizer, loss).fit(data, {name}=...) takes it",
    ),
    Way(
        "Trainer Trainer.fit",
        "resume resume_from_checkpoint ckpt_path warm_start initial_epoch continue_training",
        "the run in the folder goes on by trainer.resume(missing_ok=True) before fit",
    ),
    Way(
        "Trainer",
        "data x source",
        "its method fit takes the data: Trainer(model, optimizer, loss).fit(data)",
    ),
    Way("Trainer", "frozen", f"{RULES}, as optim.Adam(model, frozen='lstm.*')"),
    Way(
        "Trainer",
        "groups",
        f"{RULES}, as optim.AdamW(model, groups={{{{'*bias*': {{{{'weight_decay': 0.0}}}}}}}})",
    ),
    Way("Trainer", "momentum nesterov", f"{RULES}, as optim.SGD(model, 0.1, momentum=0.9)"),
    Way(
        "Trainer",
        "betas eps amsgrad",
        f"{RULES}, as optim.Adam(model, betas=(0.9, 0.999), eps=1e-8)",
    ),
    Way("Trainer", "weight_decay", f"{RULES}, as optim.AdamW(model, weight_decay=0.01)"),
    Way(
        f"{TRAINING} {RUNS}",
        "threads n_threads num_threads n_jobs num_workers workers",
        "set the environment variable RNNBP_NUM_THREADS before Python starts",
    ),
    Way(
        f"{OPTIMIZERS} LBFGS",
        "clip_norm clipnorm clip_value clipvalue max_norm grad_clip global_clipnorm",
        "give clip_norm to fit or Trainer; with a loop of your own call optim.clip_norm(grads, "
        "limit) before step",
    ),
    Way(OPTIMIZERS, "amsgrad maximize foreach fused centered", "it is not there; leave it out"),
    Way(
        "load_weights save_weights",
        "map_location device weights_only",
        "everything is on the CPU; leave it out",
    ),
    Way(EVERYWHERE, "device cuda gpu", "everything runs on the CPU; leave it out"),
    Way(
        EVERYWHERE,
        "unroll implementation jit compile use_cudnn cudnn use_bias_cudnn",
        "cells are compiled as they are; leave it out, or see rnnbp.Backend",
    ),
)
