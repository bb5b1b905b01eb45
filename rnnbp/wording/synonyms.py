"""What other libraries, and other parts of this one, call an argument."""

from __future__ import annotations

from collections.abc import Collection

SYNONYMS: dict[str, str] = {
    "n_in": "input_size in_features input_dim input_shape in_channels n_inputs n_features in_size",
    "n": "units hidden_size hidden_dim n_hidden num_units state_size cell_size hidden_units n_units n_out features",
    "n_out": "units out_features output_size output_dim out_channels filters features embedding_dim n_outputs n",
    "n_symbols": "num_embeddings input_dim vocab_size vocabulary_size num_classes n_tokens num_tokens n_in",
    "bias": "use_bias with_bias",
    "weight_init": "kernel_initializer embeddings_initializer weight_initializer initializer init",
    "input_init": "kernel_initializer weight_init",
    "recurrent_init": "recurrent_initializer",
    "bias_init": "bias_initializer",
    "forget_bias": "unit_forget_bias",
    "activation": "nonlinearity",
    "initial": "initial_state learn_initial_state",
    "rng": "seed random_state generator key random_seed",
    "seed": "rng random_state generator key random_seed",
    "kernel": "kernel_size filter_size pool_size size",
    "stride": "strides",
    "dilation": "dilation_rate",
    "p": "rate dropout prob probability",
    "eps": "epsilon",
    "shape": "normalized_shape n features n_features num_features",
    "weight": "elementwise_affine affine scale",
    "slope": "negative_slope alpha",
    "class_weight": "weight weights class_weights",
    "label_smoothing": "smoothing",
    "delta": "beta threshold",
    "q": "quantile quantiles tau alpha",
    "learning_rate": "lr step_size rate eta scheduler lr_scheduler schedule",
    "betas": "beta1 beta2 beta_1 beta_2 b1 b2",
    "alpha": "rho decay smoothing",
    "weight_decay": "decay l2 wd",
    "momentum": "mu beta",
    "every": "step_size step period",
    "factor": "gamma decay_rate",
    "floor": "eta_min min_lr end_learning_rate",
    "epochs": "n_epochs num_epochs max_epochs nb_epoch nb_epochs",
    "steps": "max_steps n_steps num_steps T T_max decay_steps total_steps total_iters seq_len timesteps "
    "length sequence_length n_iter max_iter",
    "batch": "batch_size B n_batch",
    "batch_size": "batch B",
    "validation": "validation_data val_data valid_data eval_data val eval_set valid",
    "validate_every": "validation_freq eval_every val_every",
    "clip_norm": "clipnorm max_norm grad_clip gradient_clip_val max_grad_norm clip_grad_norm global_clipnorm clip",
    "clip_value": "clipvalue clip_grad_value",
    "patience": "early_stopping early_stopping_rounds n_iter_no_change",
    "keep_best": "restore_best_weights restore_best save_best save_best_only load_best_model_at_end best_weights",
    "monitor": "metric_for_best_model early_stopping_metric monitor_metric eval_metric best_metric",
    "mode": "greater_is_better direction monitor_mode maximize",
    "progress": "verbose bar show_progress tqdm",
    "folder": "checkpoint_dir save_dir dir directory path run_dir",
    "resume": "resume_from_checkpoint ckpt_path warm_start continue_training restart resume_training load_checkpoint",
    "missing_ok": "exist_ok ignore_missing strict",
    "accumulate": "accumulation_steps accumulate_grad_batches gradient_accumulation_steps",
    "callbacks": "callback hooks",
    "target": "y targets labels label y_true t",
    "loss": "criterion loss_fn loss_function objective",
    "x": "inputs input X data",
    "data": "x train_data source dataset dataloader loader",
    "optimizer": "optim opt optimiser",
    "state": "h0 hx hidden initial_state init_state carry h",
    "mask": "weights weight sample_weight sample_weights loss_mask",
    "horizon": "truncate truncation tbptt tbptt_steps window k1 k2 seq_len sequence_length length",
    "warm_up": "warmup washout burn_in burnin skip n_warmup warm_up_steps warmup_steps warmup_length",
    "chunk": "chunk_size chunk_length segment",
    "budget": "memory max_memory memory_budget limit bytes",
    "checkpoint": "budget memory max_memory memory_budget schedule checkpointing",
    "training": "train",
    "return_y": "return_outputs return_output outputs with_outputs",
    "x_shape": "input_shape feature_shape n_in input_size",
    "max_seconds": "max_time timeout seconds",
    "frozen": "freeze trainable",
    "next_state": "state states next_states",
    "output": "outputs y",
    "rename": "mapping name_map key_map",
}
"""Of each argument, the names that it has elsewhere, those that say it best first."""


def synonym(name: str, known: Collection[str]) -> str:
    """The known argument that is called ``name`` elsewhere, or "" if it has no other name."""
    others = [(own, SYNONYMS.get(own, "").split()) for own in known]
    found = [(names.index(name), own) for own, names in others if name in names]
    return min(found, key=lambda each: each[0], default=(0, ""))[1]
