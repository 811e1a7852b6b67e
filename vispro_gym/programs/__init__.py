"""The program language: its vocabulary, how programs are found in replies, prompts, and expert translators."""
