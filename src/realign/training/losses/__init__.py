"""Losses on pairs beside TRL's: a file here is a loss, and `train.loss_type` names it.

The module holds `COLUMNS`, names of number columns of the preferences table, and

    loss(margin, columns) -> losses

where `margin` is beta * (ln pi/ref of chosen - ln pi/ref of rejected), `columns` holds these columns by name, and
everything is a tensor of shape (B,).
"""
