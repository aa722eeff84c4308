"""What to build, how much, where: one model of interventions, its solvers, and what explains their answers."""
