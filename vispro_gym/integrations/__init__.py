"""Adapters to other libraries of reinforcement learning with language models.

    trl         reward function, dataset and tool environment for TRL's GRPOTrainer and RLOOTrainer
    openenv     OpenEnv server and client
    verifiers   taskset for verifiers v1, and so for prime-rl
    skyrl       text environment for SkyRL-gym

An episode is named by a sample id and a seed, here as in `env.reset(seed=..., options={"sample_id": ...})`, and the same program
earns the same reward in all of them. Each adapter needs the library that it is for, which it names if it is missing.
"""
