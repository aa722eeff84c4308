from django.db import models


class RefCounter(models.Model):
    """Counts the references given out so far, one row a kind and year (`R-2026`)."""

    prefix = models.CharField(max_length=16, primary_key=True)
    last = models.BigIntegerField(default=0)
