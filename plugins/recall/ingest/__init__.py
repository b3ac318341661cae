"""From landing files to raw tables: nothing is lost, nothing is counted twice, and what is wrong is set aside."""
