"""TODO reports/diagnosis"""
