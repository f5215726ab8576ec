"""When, where and how often the stages run: Prefect over DVC, and the command `realign`."""
