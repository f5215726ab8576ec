"""`realign replay`: what each strategy would have picked on data that is scored already. Nothing is trained."""
